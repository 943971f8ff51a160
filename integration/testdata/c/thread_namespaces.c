// args: pid
// args: root
// args: sigpending
// flags: -pthread
// needs: threads fork exec signals
// A process with threads forks, signals its threads, changes its group and executes where
// /proc is that of another pid namespace, where there is none, and where the kernel
// queues no signals.
#include "common.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self, *how;
static volatile int computing, caught;
static int ready[2];

static void count(int sig) { caught++; }

static void *wait_here(void *arg)
{
	MUST(write(ready[1], "", 1));
	for (;;) pause();
}

static void *compute(void *arg)
{
	for (;;) computing++;
}

static void end(const char *what, pid_t pid)
{
	int status;
	MUST(waitpid(pid, &status, 0));
	if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
	else printf("%s: status %d\n", what, WEXITSTATUS(status));
}

static void threads(void)
{
	pthread_t a, b;
	char c;
	if (pthread_create(&a, 0, wait_here, 0) || pthread_create(&b, 0, compute, 0)) {
		puts("no threads");
		exit(1);
	}
	MUST(read(ready[0], &c, 1));
	for (int was = computing; computing == was;) sched_yield();
}

static void work(void)
{
	threads();
	for (int i = 0; i < 5; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) {
			threads();
			pid = MUST(fork());
			if (pid == 0) _exit(3);
			end("grandchild", pid);
			_exit(4);
		}
		end("child", pid);
	}
	SHOW(setegid(getegid()));
	signal(SIGUSR1, count);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	while (caught < 2) sched_yield();
	printf("caught %d\n", caught);
	if (how[0] == 'r') _exit(0); // the program is out of reach
	execl(self, self, "executed", (char *)0);
	printf("exec: %s\n", errno_name(errno));
	_exit(1);
}

int main(int argc, char **argv)
{
	how = argv[1];
	setvbuf(stdout, 0, _IONBF, 0);
	if (!strcmp(how, "executed")) {
		puts("executed");
		return 0;
	}
	self = realpath(argv[0], 0);
	MUST(pipe(ready));
	if (how[0] == 's') {
		struct rlimit none = {0, 0};
		MUST(setrlimit(RLIMIT_SIGPENDING, &none));
	}
	// Without root this is how far it goes.
	if (how[0] == 'p' && SHOW(unshare(CLONE_NEWPID))) return 0;
	if (how[0] == 'r') {
		MUST(mkdir("empty", 0755));
		if (SHOW(chroot("empty"))) return 0;
		MUST(chdir("/"));
	}
	pid_t pid = MUST(fork());
	if (pid == 0) {
		if (how[0] == 'p') printf("pid %d\n", getpid());
		work();
	}
	end("process", pid);
	return 0;
}
