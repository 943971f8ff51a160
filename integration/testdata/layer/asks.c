/* An application that shows what a layer (marks.c) does to it. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV(name) __attribute__((__import_module__("env"), __import_name__(name)))
int env_now(void) ENV("now");
int env_inside(void) ENV("inside");
int env_calls(void) ENV("calls");
int env_peek(void *) ENV("peek");
int env_address(void) ENV("address");
int env_intact(void) ENV("intact");
int env_trap(void) ENV("trap");
int env_fault(int) ENV("fault");
int env_spin(int) ENV("spin");

static int handled, handled_inside;
static int pipes[2];

static void handler(int sig)
{
	handled++;
	handled_inside += env_inside();
	if (write(pipes[1], "x", 1) != 1) abort();
}

/* The process's id as the kernel has it is the parent of a child. */
static void pid(void)
{
	int fds[2];
	pid_t real = 0;
	if (pipe(fds)) abort();
	if (!fork()) {
		real = getppid();
		_exit(write(fds[1], &real, sizeof real) != sizeof real);
	}
	if (read(fds[0], &real, sizeof real) != sizeof real) abort();
	wait(0);
	printf("getpid is too large by %d\n", getpid() - real);
}

static void signals(int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };
	struct itimerval t = { .it_value.tv_usec = 50000 };
	char c = 0;
	if (pipe(pipes)) abort();
	sigaction(SIGALRM, &sa, 0);
	setitimer(ITIMER_REAL, &t, 0);
	long r = read(pipes[0], &c, 1);
	if (r < 0) printf("read: %s", strerror(errno));
	else printf("read %ld: %c", r, c);
	printf("; %d handled, %d of them inside\n", handled, handled_inside);
}

static void *thread(void *arg)
{
	for (int i = 0; i < 1000; i++) syscall(SYS_getpid);
	return (void *)(long)env_calls();
}

static void threads(void)
{
	enum { N = 8 };
	pthread_t t[N];
	long all = 0;
	for (int i = 0; i < N; i++) if (pthread_create(&t[i], 0, thread, 0)) abort();
	for (int i = 0; i < N; i++) {
		void *calls;
		pthread_join(t[i], &calls);
		all += (long)calls;
	}
	printf("%ld calls of %d threads, %d of this one\n", all, N, env_calls());
}

static void *spinner(void *arg)
{
	env_spin(2000);
	return 0;
}

/* A thread that is busy in a layer does not keep others from forking. */
static void stop(void)
{
	pthread_t t;
	struct timespec a, b;
	if (pthread_create(&t, 0, spinner, 0)) abort();
	usleep(100000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (!fork()) _exit(0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	wait(0);
	double s = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
	printf("fork was %s\n", s < 1 ? "fast" : "slow");
	pthread_join(t, 0);
}

static void secrets(void)
{
	char *at = (char *)(long)env_address();
	static char mine[] = "mine";
	printf("peek at 0: %d, at mine: %d\n", env_peek(0) == -EFAULT, env_peek(mine));
	/* The same number is another place here. */
	for (char *p = at - 64; p < at + 64; p++) if (!env_peek(p)) *(volatile char *)p = 0x55;
	printf("intact: %d\n", env_intact());
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, 0, _IONBF, 0);
	if (!strcmp(what, "pid")) pid();
	else if (!strcmp(what, "now")) printf("now %d\n", env_now());
	else if (!strcmp(what, "interrupt")) signals(0);
	else if (!strcmp(what, "restart")) signals(SA_RESTART);
	else if (!strcmp(what, "threads")) threads();
	else if (!strcmp(what, "stop")) stop();
	else if (!strcmp(what, "secrets")) secrets();
	else if (!strcmp(what, "trap")) env_trap();
	else if (!strcmp(what, "fault")) env_fault(16);
	else if (!strcmp(what, "exec")) {
		setenv("MARK", "exec", 1);
		execv(argv[2], (char *[]){ argv[2], "pid", 0 });
		printf("execv: %s\n", strerror(errno));
	} else if (!strcmp(what, "native")) {
		execl("/bin/true", "true", (char *)0);
		printf("execl: %s\n", strerror(errno));
	} else return 2;
	return 0;
}
