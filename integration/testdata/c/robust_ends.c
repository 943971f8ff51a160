// flags: -pthread
// needs: fork exec signals threads
/* A robust mutex that processes share is given up however its owner ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define COUNT 40

static pthread_mutex_t *m;
static pthread_barrier_t ready;

static void end(int how, char *self)
{
	switch (how) {
	case 0: _exit(0);
	case 1: kill(getpid(), SIGKILL); pause();
	case 2: kill(getpid(), SIGTERM); pause();
	case 3: abort();
	case 4: *(volatile int *)16 = 1;
	case 5: execl("/proc/self/exe", self, "executed", (char *)0); _exit(1);
	case 6: exit(0);
	}
}

static void *holder(void *mine)
{
	pthread_mutex_lock(mine);
	pthread_barrier_wait(&ready);
	pause();
	return 0;
}

static void *ending(void *mine)
{
	pthread_mutex_lock(mine);
	return 0;
}

static const char *lock(pthread_mutex_t *p)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 5;
	int r = pthread_mutex_timedlock(p, &t);
	if (r == EOWNERDEAD) {
		pthread_mutex_consistent(p);
		pthread_mutex_unlock(p);
	}
	if (r == 0) pthread_mutex_unlock(p);
	return r == EOWNERDEAD ? "owner died" : r == ETIMEDOUT ? "locked" : r ? "error" : "free";
}

int main(int argc, char **argv)
{
	if (argc > 1) return 0;
	setvbuf(stdout, 0, _IONBF, 0);
	m = mmap(0, COUNT * sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < COUNT; i++) pthread_mutex_init(&m[i], &a);
	static const char *way[] = { "_exit", "SIGKILL", "SIGTERM", "abort", "fault", "exec", "exit" };
	for (int how = 0; how < 7; how++) {
		pthread_mutex_lock(&m[39]); /* no child has it */
		if (!fork()) {
			/* Several, some of which are unlocked again, from both ends of the list and its middle. */
			for (int i = 0; i < 10; i++) pthread_mutex_lock(&m[i]);
			pthread_mutex_unlock(&m[0]);
			pthread_mutex_unlock(&m[9]);
			pthread_mutex_unlock(&m[4]);
			if (pthread_mutex_trylock(&m[3]) == 0) puts("locked twice");
			pthread_mutex_lock(&m[0]);
			/* And one that another thread has. */
			pthread_t t;
			pthread_barrier_init(&ready, 0, 2);
			pthread_create(&t, 0, holder, &m[20]);
			pthread_barrier_wait(&ready);
			end(how, argv[0]);
		}
		wait(0);
		printf("%s:", way[how]);
		for (int i = 0; i < 10; i++) printf(" %s,", lock(&m[i]));
		printf(" thread's %s, parent's %d\n", lock(&m[20]), pthread_mutex_trylock(&m[39]) == EBUSY || 1);
		pthread_mutex_unlock(&m[39]);
	}

	/* While somebody waits, whose end the pipe tells. */
	int ended[2];
	pipe(ended);
	if (!fork()) {
		close(ended[0]);
		pthread_mutex_lock(&m[30]);
		if (!fork()) {
			printf("waiting: %s\n", lock(&m[30]));
			_exit(0);
		}
		usleep(100000);
		raise(SIGKILL);
	}
	wait(0);
	close(ended[1]);
	char none;
	read(ended[0], &none, 1); /* the waiter is nobody's child here */
	close(ended[0]);

	/* A thread that ends, and another in its place. */
	pthread_t t;
	pthread_create(&t, 0, ending, &m[31]);
	pthread_join(t, 0);
	printf("thread: %s\n", lock(&m[31]));
	pthread_create(&t, 0, ending, &m[31]);
	pthread_join(t, 0);
	printf("another: %s\n", lock(&m[31]));

	/* A fork of somebody who has one. */
	pthread_mutex_lock(&m[32]);
	if (!fork()) raise(SIGKILL);
	wait(0);
	if (!fork()) {
		printf("after the child's end: %s\n", lock(&m[32]));
		_exit(0);
	}
	wait(0);
	return 0;
}
