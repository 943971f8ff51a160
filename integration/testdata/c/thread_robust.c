// flags: -pthread
// needs: threads fork
// Robust and process-shared synchronisation: owners that end without unlocking, waiters in another process.
#include "common.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	pthread_mutex_t robust, plain;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	pthread_rwlock_t rw;
	sem_t sem;
	int turn, counter, written;
};
static struct shared *s;
static pthread_mutex_t local[3];

static void init_robust(pthread_mutex_t *m, int shared)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	pthread_mutex_init(m, &a);
}

static void show(const char *what, int e) { printf("%s: %s\n", what, e == EOWNERDEAD ? "EOWNERDEAD" : e == ENOTRECOVERABLE ? "ENOTRECOVERABLE" : errno_name(e)); }

// Ends with locks held, without the C library noticing.
static void *abandon(void *arg)
{
	for (int i = 0; i < 3; i++) pthread_mutex_lock(local + i);
	if (arg) sem_post(arg);
	if (arg) usleep(50000); // so that somebody waits
	syscall(SYS_exit, 0);
	return 0;
}

static void *leave(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_exit(0);
}

int main(void)
{
	pthread_t t;
	for (int i = 0; i < 3; i++) init_robust(local + i, 1); // musl has no list for private ones
	MUST(pthread_create(&t, 0, leave, local));
	pthread_join(t, 0);
	show("after pthread_exit", pthread_mutex_lock(local));
	show("consistent", pthread_mutex_consistent(local));
	show("unlock", pthread_mutex_unlock(local));

	sem_t ready;
	sem_init(&ready, 0, 0);
	MUST(pthread_create(&t, 0, abandon, &ready));
	sem_wait(&ready);
	show("waited", pthread_mutex_lock(local)); // sleeps until the owner has ended
	show("free already", pthread_mutex_lock(local + 1));
	show("third", pthread_mutex_trylock(local + 2));
	show("consistent", pthread_mutex_consistent(local + 1));
	for (int i = 0; i < 3; i++) show("unlock", pthread_mutex_unlock(local + i));
	show("lost", pthread_mutex_lock(local));
	show("repaired", pthread_mutex_lock(local + 1));

	s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	init_robust(&s->robust, 1);
	pthread_mutexattr_t ma;
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->plain, &ma);
	pthread_condattr_t ca;
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&s->cond, &ca);
	pthread_barrierattr_t ba;
	pthread_barrierattr_init(&ba);
	pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&s->barrier, &ba, 2);
	pthread_rwlockattr_t ra;
	pthread_rwlockattr_init(&ra);
	pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&s->rw, &ra);
	sem_init(&s->sem, 1, 0);
	fflush(stdout);

	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(&s->robust);
		sem_post(&s->sem);
		usleep(50000);
		_exit(1); // exit_group with the lock held
	}
	sem_wait(&s->sem);
	show("owner's process ended", pthread_mutex_lock(&s->robust));
	show("consistent", pthread_mutex_consistent(&s->robust));
	show("unlock", pthread_mutex_unlock(&s->robust));
	MUST(waitpid(pid, 0, 0));

	pid = fork();
	int me = pid == 0;
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&s->plain);
		while (s->turn != me) pthread_cond_wait(&s->cond, &s->plain);
		s->turn = !me;
		s->counter++;
		pthread_cond_signal(&s->cond);
		pthread_mutex_unlock(&s->plain);
		if (i % 10 == 0) pthread_barrier_wait(&s->barrier);
		pthread_rwlock_wrlock(&s->rw);
		s->written++;
		pthread_rwlock_unlock(&s->rw);
		pthread_barrier_wait(&s->barrier);
	}
	if (me) _exit(0);
	int status;
	MUST(waitpid(pid, &status, 0));
	printf("status %d, counters %d and %d\n", status, s->counter, s->written);
	return 0;
}
