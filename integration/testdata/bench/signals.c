// Measures signals, and prints one number.
//   loop HZ         milliseconds of processor time of a loop under a timer of HZ signals a second
//   ignore HZ       the same, with the signal ignored
//   busy COUNT      median microseconds from kill to the first instruction of a handler
//                   in a process that computes
//   asleep COUNT    the same in one that sleeps in read
//   exchange COUNT  microseconds for one of the signals that two processes send each other
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
	_Atomic long long at; // when the handler ran, in nanoseconds
	atomic_int ready, over;
} *shared;

static volatile unsigned ticks;
static pid_t peer;

static long long now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void tick(int sig) { ticks++; }
static void note(int sig) { shared->at = now(CLOCK_MONOTONIC); }
static void answer(int sig) { kill(peer, SIGUSR1); }
static void end(int sig) { _exit(0); }

static void loop(int hz, void (*handler)(int))
{
	signal(SIGALRM, handler);
	if (hz) {
		struct itimerval t = { { 0, 1000000 / hz }, { 0, 1000000 / hz } };
		setitimer(ITIMER_REAL, &t, 0);
	}
	long long before = now(CLOCK_PROCESS_CPUTIME_ID);
	unsigned x = 1; // xorshift, which no compiler shortens
	for (unsigned i = 0; i < 200000000; i++) x ^= x << 13, x ^= x >> 17, x ^= x << 5;
	printf("%.1f\n", (now(CLOCK_PROCESS_CPUTIME_ID) - before) / 1e6);
	if (x == ticks) puts("");
}

static int ascending(const void *a, const void *b)
{
	long long d = *(long long *)a - *(long long *)b;
	return d < 0 ? -1 : d > 0;
}

static void latency(int count, int busy)
{
	pid_t pid = fork();
	if (pid == 0) {
		int p[2];
		char c;
		if (pipe(p)) exit(1);
		signal(SIGUSR1, note);
		shared->ready = 1;
		for (volatile unsigned i = 0;; i++) if (!busy && read(p[0], &c, 1) == 1) break;
	}
	long long *took = malloc(count * sizeof *took);
	while (!shared->ready) usleep(1000);
	for (int i = 0; i < count; i++) {
		usleep(500); // until it computes, or sleeps
		shared->at = 0;
		long long sent = now(CLOCK_MONOTONIC);
		kill(pid, SIGUSR1);
		while (!shared->at) {}
		took[i] = shared->at - sent;
	}
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
	qsort(took, count, sizeof *took, ascending);
	printf("%.2f\n", took[count / 2] / 1e3);
}

static void count_and_answer(int sig)
{
	ticks++;
	kill(peer, SIGUSR1);
}

static void exchange(unsigned count)
{
	sigset_t usr1, none;
	sigemptyset(&usr1);
	sigemptyset(&none);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, 0);
	signal(SIGTERM, end);
	peer = getpid();
	signal(SIGUSR1, answer);
	pid_t pid = fork();
	if (pid == 0) for (;;) sigsuspend(&none);
	peer = pid;
	signal(SIGUSR1, count_and_answer);
	long long before = now(CLOCK_MONOTONIC);
	kill(pid, SIGUSR1);
	while (ticks < count) sigsuspend(&none);
	printf("%.2f\n", (now(CLOCK_MONOTONIC) - before) / 1e3 / (2.0 * count));
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}

int main(int argc, char **argv)
{
	if (argc < 3) return 2;
	int n = atoi(argv[2]);
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(argv[1], "loop")) loop(n, tick);
	else if (!strcmp(argv[1], "ignore")) loop(n, SIG_IGN);
	else if (!strcmp(argv[1], "busy")) latency(n, 1);
	else if (!strcmp(argv[1], "asleep")) latency(n, 0);
	else if (!strcmp(argv[1], "exchange")) exchange(n);
	else return 2;
	return 0;
}
