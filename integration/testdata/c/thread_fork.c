// flags: -pthread
// needs: threads fork
// fork in a process with threads: the child has the caller alone, and is a full process.
#include "common.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop, interrupted;
static int never[2];
static pthread_mutex_t shared_by_atfork = PTHREAD_MUTEX_INITIALIZER;

static void *compute(void *arg)
{
	for (volatile unsigned i = 0; !stop; i++) {}
	return arg;
}

static void *allocate(void *arg)
{
	unsigned seed = 1;
	while (!stop) {
		char *p = malloc(1 + rand_r(&seed) % 9000);
		*p = 1;
		free(p);
	}
	return arg;
}

static void *wait_for_input(void *arg)
{
	struct pollfd p = {never[0], POLLIN, 0};
	if (poll(&p, 1, -1) != 1) interrupted++;
	return arg;
}

static void *nap(void *arg)
{
	struct timespec t = {0, 300000000};
	if (nanosleep(&t, 0)) interrupted++;
	return arg;
}

static void *add_one(void *arg) { return (void *)((intptr_t)arg + 1); }

static void prepare(void) { pthread_mutex_lock(&shared_by_atfork); }
static void release(void) { pthread_mutex_unlock(&shared_by_atfork); }

static int child(int i)
{
	char *p = malloc(1000);
	snprintf(p, 1000, "child %d", i);
	int ok = !strncmp(p, "child", 5);
	free(p);
	pthread_t t;
	void *result;
	if (i % 4 == 0) { // threads of its own, and a child that has them again
		ok &= !pthread_create(&t, 0, add_one, (void *)(intptr_t)i);
		ok &= !pthread_join(t, &result) && (intptr_t)result == i + 1;
		pid_t pid = fork();
		if (pid == 0) {
			ok = !pthread_create(&t, 0, add_one, (void *)1) && !pthread_join(t, &result) && (intptr_t)result == 2;
			_exit(ok ? 40 : 41);
		}
		int status;
		ok &= waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 40;
	}
	if (i % 4 == 1) { // the caller ends as the last thread
		pthread_exit(0);
	}
	return ok ? i % 50 : 99;
}

// A thread that forks: in the child it is the main thread.
static void *fork_here(void *arg)
{
	int good = 0;
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			void *result;
			pthread_t t;
			int ok = getpid() == gettid();
			ok &= !pthread_create(&t, 0, add_one, (void *)5) && !pthread_join(t, &result) && (intptr_t)result == 6;
			_exit(ok ? 3 : 4);
		}
		int status;
		good += waitpid(pid, &status, 0) == pid && status == 3 << 8;
	}
	*(int *)arg = good;
	return 0;
}

int main(void)
{
	MUST(pipe(never));
	pthread_atfork(prepare, release, release);
	void *(*const work[])(void *) = {compute, allocate, allocate, wait_for_input, nap};
	enum { n = sizeof work / sizeof *work };
	pthread_t t[n], forkers[2];
	for (int i = 0; i < n; i++) MUST(pthread_create(t + i, 0, work[i], 0));
	fflush(stdout);
	int sum = 0;
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		if (pid == 0) _exit(child(i));
		int status;
		MUST(waitpid(pid, &status, 0));
		if (!WIFEXITED(status)) printf("child %d: status %#x\n", i, status);
		sum += WEXITSTATUS(status);
	}
	SHOW(sum);
	int good[2];
	for (int i = 0; i < 2; i++) MUST(pthread_create(forkers + i, 0, fork_here, good + i));
	for (int i = 0; i < 2; i++) pthread_join(forkers[i], 0);
	printf("threads forked %d and %d times\n", good[0], good[1]);
	stop = 1;
	MUST(write(never[1], "x", 1));
	for (int i = 0; i < n; i++) pthread_join(t[i], 0);
	printf("interrupted calls: %d\n", interrupted);
	return 0;
}
