// flags: -pthread
// needs: signals fork threads
// args: process 1500
// args: threads 1000
// args: forks 300
// No signal is lost. The sender waits for each to arrive before it sends the next, at
// any instant before, during and after the receiver's entry to a call that never ends
// by itself: were one not seen, both would sleep for ever. With a larger number it goes
// on for as long as one likes.
#include "common.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { threads = 4, forever = 1000000 };

static struct {
	atomic_uint seen[threads]; // signals that have arrived
	atomic_int ready, over, bad;
} *shared;

static _Thread_local int me;
static _Thread_local sigjmp_buf out;
static int empty[2]; // a pipe that nobody writes to
static int epoll;
static pid_t sleeper; // a child that never ends
static sigset_t usr1, none;

static void arrived(int sig)
{
	shared->seen[me]++;
	if (shared->over) siglongjmp(out, 1);
}

static void ends(int sig) { _exit(7); }

static void spins(void) { for (volatile int i = 0; i < 5000; i++) {} }
static void reads(void) { char c; if (read(empty[0], &c, 1) != -1 || errno != EINTR) shared->bad++; }
static void naps(void) { if (!nanosleep(&(struct timespec){ forever, 0 }, 0) || errno != EINTR) shared->bad++; }
static void polls(void) { if (poll(&(struct pollfd){ empty[0], POLLIN, 0 }, 1, -1) != -1 || errno != EINTR) shared->bad++; }
static void epolls(void)
{
	struct epoll_event e;
	if (epoll_wait(epoll, &e, 1, -1) != -1 || errno != EINTR) shared->bad++;
}
static void waits(void) { if (waitpid(sleeper, 0, 0) != -1 || errno != EINTR) shared->bad++; }
static void futexes(void)
{
	static unsigned word;
	struct timespec t = { forever, 0 };
	if (syscall(SYS_futex, &word, 0, 0, &t) != -1 || errno != EINTR) shared->bad++;
}

// The usual way without a race: blocked but for the time of the call.
static void masked(void (*sleep)(void))
{
	pthread_sigmask(SIG_BLOCK, &usr1, 0);
	for (unsigned before = shared->seen[me]; shared->seen[me] == before;) sleep();
	pthread_sigmask(SIG_UNBLOCK, &usr1, 0);
}
static void suspend(void) { if (sigsuspend(&none) != -1 || errno != EINTR) shared->bad++; }
static void ppolls(void) { if (ppoll(&(struct pollfd){ empty[0], POLLIN, 0 }, 1, 0, &none) != -1 || errno != EINTR) shared->bad++; }
static void pselects(void)
{
	fd_set r;
	FD_ZERO(&r);
	FD_SET(empty[0], &r);
	if (pselect(empty[0] + 1, &r, 0, 0, 0, &none) != -1 || errno != EINTR) shared->bad++;
}
static void suspends(void) { masked(suspend); }
static void masked_polls(void) { masked(ppolls); }
static void masked_selects(void) { masked(pselects); }

static void forks(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		kill(getpid(), SIGUSR2);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {}
	if (status != 7 << 8) shared->bad++;
}

static void (*const calls[])(void) = {
	reads, naps, polls, spins, epolls, waits, futexes, suspends, masked_polls, masked_selects,
};

static void receive(int forking)
{
	if (sigsetjmp(out, 1) == 0) {
		shared->ready++;
		pthread_sigmask(SIG_UNBLOCK, &usr1, 0);
		for (unsigned i = 0;; i++) {
			if (forking) forks();
			else calls[i % (sizeof calls / sizeof *calls)]();
		}
	}
}

static void *receiver(void *arg)
{
	me = (int)(long)arg;
	receive(0);
	return 0;
}

// send sends n signals to each of some receivers, and a last one.
static void send(unsigned n, int receivers, void (*kill_it)(int))
{
	unsigned seed = 1;
	while (shared->ready < receivers) sched_yield();
	for (unsigned i = 0; i <= n; i++) {
		if (i == n) shared->over = 1;
		for (int r = 0; r < receivers; r++) {
			unsigned before = shared->seen[r];
			seed = seed * 1103515245 + 12345;
			for (volatile unsigned late = seed >> 20; late; late--) {}
			kill_it(r);
			while (shared->seen[r] == before) sched_yield();
		}
	}
}

static pid_t target;
static pthread_t thread[threads];
static void kill_process(int r) { kill(target, SIGUSR1); }
static void kill_thread(int r) { pthread_kill(thread[r], SIGUSR1); }

int main(int argc, char **argv)
{
	if (argc < 3) return 2;
	unsigned n = atoi(argv[2]);
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(pipe(empty));
	epoll = MUST(epoll_create1(0));
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, empty[0], &(struct epoll_event){ EPOLLIN }));
	sigemptyset(&usr1);
	sigemptyset(&none);
	sigaddset(&usr1, SIGUSR1);
	MUST(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = arrived }, 0));
	MUST(sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = ends }, 0));
	MUST(sigprocmask(SIG_BLOCK, &usr1, 0));
	int receivers = 1;
	if (!strcmp(argv[1], "threads")) {
		sleeper = MUST(fork());
		if (sleeper == 0) for (;;) pause();
		receivers = threads;
		for (int r = 0; r < threads; r++) pthread_create(thread + r, 0, receiver, (void *)(long)r);
		send(n, receivers, kill_thread);
		for (int r = 0; r < threads; r++) pthread_join(thread[r], 0);
		kill(sleeper, SIGKILL);
	} else {
		target = MUST(fork());
		if (target == 0) {
			sleeper = fork();
			if (sleeper == 0) for (;;) pause();
			receive(!strcmp(argv[1], "forks"));
			kill(sleeper, SIGKILL);
			_exit(waitpid(sleeper, 0, 0) == sleeper ? 5 : 6);
		}
		send(n, 1, kill_process);
		int status;
		MUST(waitpid(target, &status, 0));
		SHOW(status);
	}
	for (int r = 0; r < receivers; r++) printf("%u of %u seen\n", shared->seen[r] - 1, n);
	SHOW(shared->bad);
	return 0;
}
