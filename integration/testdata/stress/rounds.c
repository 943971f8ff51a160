// rounds N: N times threads begin, compute, call, fork, change their group and end, in a
// process that is threaded half of the time. It prints how many rounds were right.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int stop, handled;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void handle(int sig) { handled++; }

static void *compute(void *arg)
{
	for (volatile unsigned i = 0; !stop; i++) {}
	return arg;
}

static void *call(void *arg)
{
	while (!stop) {
		getppid();
		pthread_mutex_lock(&mutex);
		void *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(p, 8192);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void *next(void *arg) { return (void *)((intptr_t)arg + 1); }

static int one_thread(intptr_t value)
{
	pthread_t t;
	void *result = 0;
	return !pthread_create(&t, 0, next, (void *)value) && !pthread_join(t, &result) && (intptr_t)result == value + 1;
}

static int ends_with(pid_t pid, int want)
{
	int status = 0;
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == want;
}

// child has threads of its own, and a child that has.
static int child(int i)
{
	if (i % 3 == 0) return 1;
	int ok = one_thread(i);
	pid_t pid = fork();
	if (pid == 0) _exit(i % 2 || one_thread(1) ? 11 : 12);
	return ok & ends_with(pid, 11);
}

static void *forks(void *arg)
{
	int i = (intptr_t)arg, ok = 1;
	for (int k = 0; k < 2; k++) {
		pid_t pid = i % 4 == 3 ? syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) : fork();
		if (pid == 0) _exit(i % 4 == 3 || child(i + k) ? 21 : 22);
		ok &= ends_with(pid, 21);
		if (i % 5 == 0) ok &= setegid(getegid()) == 0;
	}
	return (void *)(intptr_t)ok;
}

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), right = 0;
	signal(SIGUSR1, handle);
	for (int i = 0; i < rounds; i++) {
		pthread_t t[5];
		void *result[5] = {0};
		stop = 0;
		int ok = !pthread_create(&t[0], 0, compute, 0) && !pthread_create(&t[1], 0, forks, (void *)(intptr_t)i) &&
			!pthread_create(&t[2], 0, call, 0) && !pthread_create(&t[3], 0, forks, (void *)(intptr_t)(i + 1)) &&
			!pthread_create(&t[4], 0, next, 0);
		if (!ok) break;
		int before = handled;
		pthread_kill(t[0], SIGUSR1);
		while (handled == before) sched_yield();
		pthread_join(t[1], &result[1]);
		pthread_join(t[3], &result[3]);
		stop = 1;
		pthread_join(t[0], 0);
		pthread_join(t[2], 0);
		pthread_join(t[4], 0);
		ok = result[1] && result[3];
		pid_t pid = fork();
		if (pid == 0) _exit(child(i) ? 31 : 32);
		ok &= ends_with(pid, 31);
		right += ok;
	}
	printf("%d of %d\n", right, rounds);
	return 0;
}
