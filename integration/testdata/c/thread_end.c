// flags: -pthread
// needs: threads
// args: return
// args: exit
// args: main
// args: last
// args: abort
// args: handler
// How threads and the process end: by return, exit in a thread, pthread_exit of the main thread.
#include "common.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_t main_thread;
static atomic_int ready;

static void *leave(void *arg)
{
	puts("exit in a thread");
	exit((int)(intptr_t)arg);
}

static void *outlive(void *arg)
{
	void *result;
	printf("join main = %d", pthread_join(main_thread, &result));
	printf(", %ld\n", (long)(intptr_t)result);
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, 0);
	kill(getpid(), SIGUSR1); // the main thread no longer takes it
	int sig = 0;
	sigwait(&all, &sig);
	printf("signal %s, leader %s\n", sig == SIGUSR1 ? "USR1" : "?", syscall(SYS_gettid) == getpid() ? "yes" : "no");
	fflush(stdout);
	if (arg) syscall(SYS_exit, 9); // the last one
	_exit(7);
}

static void *die(void *arg)
{
	(void)arg;
	abort();
}

static void quit(int sig)
{
	(void)sig;
	syscall(SYS_exit, 3);
}

static volatile int alive = 1;

static void *loop(void *arg)
{
	if (arg) syscall(SYS_set_tid_address, &alive);
	ready = 1;
	for (volatile unsigned i = 0;; i++) {}
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	pthread_t t;
	main_thread = pthread_self();
	if (!strcmp(how, "return")) {
		MUST(pthread_create(&t, 0, loop, 0));
		while (!ready) sched_yield();
		puts("main returns while a thread computes");
		return 5;
	}
	if (!strcmp(how, "exit")) {
		MUST(pthread_create(&t, 0, leave, (void *)12));
		for (;;) pause();
	}
	if (!strcmp(how, "main") || !strcmp(how, "last")) {
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, 0);
		MUST(pthread_create(&t, 0, outlive, (void *)(intptr_t)!strcmp(how, "last")));
		pthread_exit((void *)77);
	}
	if (!strcmp(how, "abort")) {
		MUST(pthread_create(&t, 0, die, 0));
		pthread_join(t, 0);
	}
	if (!strcmp(how, "handler")) {
		// A thread that ends inside a signal handler, deep in computation.
		signal(SIGUSR1, quit);
		MUST(pthread_create(&t, 0, loop, &t));
		while (!ready) sched_yield();
		pthread_kill(t, SIGUSR1);
		while (alive) sched_yield();
		puts("the thread is gone");
		fflush(stdout);
		_exit(0);
	}
	return 1;
}
