// flags: -pthread
// needs: threads signals
// Signals and threads: directed ones, those of the process, masks, sigwait, timers, cancellation.
#include "common.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static atomic_int count, there;
static _Thread_local volatile int mine;
static volatile int stop;
static sem_t started, done;

static void handler(int sig)
{
	(void)sig;
	mine++;
	count++;
}

static void *compute(void *arg)
{
	sem_post(&started);
	for (volatile unsigned i = 0; !stop; i++) {}
	*(int *)arg = mine;
	return 0;
}

static void *sleep_in_kernel(void *arg)
{
	sem_post(&started);
	int interrupted = 0;
	while (!stop) {
		struct timespec t = {0, 50000000};
		if (nanosleep(&t, 0)) interrupted++;
	}
	*(int *)arg = interrupted > 0 ? mine : -1;
	return 0;
}

static void *wait_for_signals(void *arg)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	int sig, n = 0;
	sem_post(&started);
	while (!sigwait(&set, &sig) && sig != SIGTERM) n++, sem_post(&done);
	*(int *)arg = n;
	return 0;
}

static void *masked(void *arg)
{
	sigset_t set, old;
	pthread_sigmask(SIG_SETMASK, 0, &old);
	int inherited = sigismember(&old, SIGHUP) && !sigismember(&old, SIGUSR1);
	sigpending(&set);
	inherited &= !sigismember(&set, SIGHUP); // pending for the creator alone
	*(int *)arg = inherited;
	return 0;
}

static void note(void *arg) { ++*(int *)arg; }

static void *cancelled(void *arg)
{
	pthread_cleanup_push(note, arg);
	sem_post(&started);
	for (;;) pause();
	pthread_cleanup_pop(0);
	return 0;
}

static void *cancelled_anywhere(void *arg)
{
	int old;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_cleanup_push(note, arg);
	sem_post(&started);
	for (volatile unsigned i = 0;; i++) {}
	pthread_cleanup_pop(0);
	return 0;
}

static void *stubborn(void *arg)
{
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&started);
	for (volatile unsigned i = 0; !stop; i++) {}
	*(int *)arg = 1;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	*(int *)arg = 2;
	return 0;
}

static void start(pthread_t *t, void *(*f)(void *), void *arg)
{
	MUST(pthread_create(t, 0, f, arg));
	if (f != masked) sem_wait(&started);
}

int main(void)
{
	sem_init(&started, 0, 0);
	sem_init(&done, 0, 0);
	struct sigaction act = {.sa_handler = handler};
	sigaction(SIGUSR1, &act, 0);
	sigaction(SIGALRM, &act, 0);
	pthread_t t[4];
	int result[4] = {0};

	start(t, compute, result);
	start(t + 1, sleep_in_kernel, result + 1);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 200; k++) {
			int before = count;
			pthread_kill(t[i], SIGUSR1);
			while (count == before) sched_yield();
		}
	}
	stop = 1;
	int before;
	for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
	printf("handled by the threads %d, %d; here %d\n", result[0], result[1], mine);

	// Of the process: taken by the one thread that does not block it.
	stop = 0;
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	start(t, wait_for_signals, result);
	for (int i = 0; i < 50; i++) {
		kill(getpid(), SIGUSR2);
		sem_wait(&done);
	}
	kill(getpid(), SIGTERM);
	pthread_join(t[0], 0);
	printf("sigwait %d\n", result[0]);

	start(t, compute, result);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, 0);
	before = count;
	kill(getpid(), SIGUSR1);
	while (count == before) sched_yield();
	stop = 1;
	pthread_join(t[0], 0);
	printf("process signal taken by the computing thread: %d\n", result[0]);
	pthread_sigmask(SIG_SETMASK, &old, 0);

	// Masks are inherited, pending signals are not.
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, 0);
	pthread_kill(pthread_self(), SIGHUP);
	start(t, masked, result);
	pthread_join(t[0], 0);
	printf("mask inherited %d\n", result[0]);
	struct timespec zero = {0, 0};
	SHOW(sigtimedwait(&set, 0, &zero) == SIGHUP);
	pthread_sigmask(SIG_SETMASK, &old, 0);

	// A timer that signals this thread.
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	event.sigev_notify_thread_id = gettid();
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	struct itimerspec soon = {.it_value = {0, 1000000}};
	before = mine;
	timer_settime(timer, 0, &soon, 0);
	while (mine == before) {}
	timer_delete(timer);
	puts("timer");

	// Cancellation.
	stop = 0;
	int cleaned = 0;
	start(t, cancelled, &cleaned);
	start(t + 1, cancelled_anywhere, &cleaned);
	start(t + 2, stubborn, result + 2);
	for (int i = 0; i < 3; i++) SHOW(pthread_cancel(t[i]));
	stop = 1;
	for (int i = 0; i < 3; i++) {
		void *value;
		pthread_join(t[i], &value);
		printf("%d ", value == PTHREAD_CANCELED);
	}
	printf("cleaned %d, stubborn %d\n", cleaned, result[2]);
	int many = 0;
	for (int i = 0; i < 100; i++) {
		start(t, i % 2 ? cancelled : cancelled_anywhere, &many);
		pthread_cancel(t[0]);
		pthread_join(t[0], 0);
	}
	printf("cancelled %d\n", many);
	SHOW(pthread_kill(pthread_self(), 99));
	SHOW(syscall(SYS_tgkill, getpid(), 1 << 22, 0));
	return 0;
}
