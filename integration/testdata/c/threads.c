// flags: -pthread
// needs: threads
// Threads: creation, joining, locks, conditions, thread-specific data, cancellation.
#include "common.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local int own = 7;
static _Thread_local char buffer[5000];
static atomic_long atomic;

static void *count(void *arg)
{
	own += (int)(intptr_t)arg;
	memset(buffer, own, sizeof buffer);
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		atomic_fetch_add(&atomic, 1);
	}
	for (size_t i = 0; i < sizeof buffer; i++) if (buffer[i] != (char)own) return (void *)-1;
	return (void *)(intptr_t)own;
}

static int turn;
static void *ping(void *arg)
{
	int me = (int)(intptr_t)arg;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me) pthread_cond_wait(&cond, &mutex);
		turn = !me;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static pthread_key_t key;
static int destroyed;
static void destroy(void *p) { pthread_mutex_lock(&mutex); destroyed += *(int *)p; pthread_mutex_unlock(&mutex); }
static void *specific(void *p) { pthread_setspecific(key, p); return pthread_getspecific(key) == p ? p : 0; }

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces;
static void only(void) { onces++; }
static void *callonce(void *p) { pthread_once(&once, only); return p; }

static void cleanup(void *p) { (*(int *)p)++; }
static int cleaned;
static sem_t started;
static int fds[2];
static void *blocked(void *p)
{
	char c;
	pthread_cleanup_push(cleanup, &cleaned);
	sem_post(&started);
	if (read(fds[0], &c, 1) < 0) return (void *)1;
	pthread_cleanup_pop(0);
	return (void *)2;
}
static void *spinning(void *p)
{
	int old;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_cleanup_push(cleanup, &cleaned);
	sem_post(&started);
	for (volatile unsigned long i = 0;; i++);
	pthread_cleanup_pop(0);
	return 0;
}
static void *deferring(void *p)
{
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&started);
	struct timespec t = { 0, 30000000 };
	int r = nanosleep(&t, 0);
	pthread_cleanup_push(cleanup, &cleaned);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	if (r == 0 || errno == EINTR) pthread_testcancel();
	pthread_cleanup_pop(0);
	return (void *)3;
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static void *meet(void *p) { return (void *)(intptr_t)(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD); }
static int c11(void *p) { sigset_t s; pthread_sigmask(SIG_BLOCK, 0, &s); return *(int *)p + own; }

static pthread_t handled_by;
static atomic_int handled;
static void on_signal(int sig) { handled_by = pthread_self(); handled++; }
static void *wait_signal(void *p)
{
	sem_post(&started);
	while (!handled) { struct timespec t = { 0, 1000000 }; nanosleep(&t, 0); }
	return (void *)(intptr_t)pthread_equal(handled_by, pthread_self());
}
static void *leaves(void *p) { pthread_exit(p); }
static void *fast(void *p) { return 0; }

int main(void)
{
	pthread_t t[8];
	void *r;
	long sum = 0;
	for (int i = 0; i < 8; i++) SHOW(pthread_create(&t[i], 0, count, (void *)(intptr_t)i));
	for (int i = 0; i < 8; i++) { pthread_join(t[i], &r); sum += (intptr_t)r; }
	printf("counter %ld atomic %ld own %d results %ld\n", counter, (long)atomic, own, sum);

	for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, ping, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
	printf("turn %d\n", turn);

	pthread_key_create(&key, destroy);
	int one = 1;
	for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, specific, &one);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], &r); if (r != &one) printf("specific lost\n"); }
	printf("destroyed %d\n", destroyed);
	for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, callonce, 0);
	for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
	printf("once %d\n", onces);

	sem_init(&started, 0, 0);
	MUST(pipe(fds));
	void *(*victims[])(void *) = { blocked, spinning, deferring };
	for (int i = 0; i < 3; i++) {
		pthread_create(&t[0], 0, victims[i], 0);
		sem_wait(&started);
		SHOW(pthread_cancel(t[0]));
		pthread_join(t[0], &r);
		printf("cancelled %d, cleaned %d\n", r == PTHREAD_CANCELED, cleaned);
	}

	SHOW(pthread_rwlock_rdlock(&rw));
	SHOW(pthread_rwlock_tryrdlock(&rw));
	printf("%s\n", errno_name(pthread_rwlock_trywrlock(&rw)));
	pthread_rwlock_unlock(&rw); pthread_rwlock_unlock(&rw);
	SHOW(pthread_rwlock_wrlock(&rw));
	printf("%s\n", errno_name(pthread_rwlock_tryrdlock(&rw)));
	pthread_barrier_init(&barrier, 0, 3);
	for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, meet, 0);
	int serial = 0;
	for (int i = 0; i < 3; i++) { pthread_join(t[i], &r); serial += (int)(intptr_t)r; }
	printf("serial %d\n", serial);

	pthread_mutexattr_t ma;
	pthread_mutex_t m;
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_settype(&ma, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &ma);
	SHOW(pthread_mutex_lock(&m)); SHOW(pthread_mutex_lock(&m)); SHOW(pthread_mutex_unlock(&m)); SHOW(pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&ma, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &ma);
	pthread_mutex_lock(&m);
	printf("%s\n", errno_name(pthread_mutex_lock(&m)));
	pthread_mutex_unlock(&m);
	printf("%s\n", errno_name(pthread_mutex_unlock(&m)));
	struct timespec soon;
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
	pthread_mutex_lock(&mutex);
	printf("%s\n", errno_name(pthread_cond_timedwait(&cond, &mutex, &soon)));
	pthread_mutex_unlock(&mutex);
	SHOW(sem_trywait(&started));

	pthread_attr_t attr;
	size_t size;
	int state;
	pthread_attr_init(&attr);
	SHOW(pthread_attr_setstacksize(&attr, 1 << 20));
	SHOW(pthread_attr_setguardsize(&attr, 8192));
	SHOW(pthread_attr_getstacksize(&attr, &size));
	printf("%zu ", size);
	SHOW(pthread_attr_getguardsize(&attr, &size));
	printf("%zu\n", size);
	SHOW(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	SHOW(pthread_attr_getdetachstate(&attr, &state));
	printf("%d\n", state == PTHREAD_CREATE_DETACHED);
	handled = 0;
	for (int i = 0; i < 50; i++) MUST(pthread_create(&t[0], &attr, fast, 0) ? -1 : 0);
	SHOW(pthread_attr_setstacksize(&attr, 1) != 0);

	thrd_t th;
	int five = 5, res;
	SHOW(thrd_create(&th, c11, &five) == thrd_success);
	SHOW(thrd_join(th, &res) == thrd_success);
	printf("%d\n", res);
	pthread_create(&t[0], 0, leaves, &five);
	pthread_join(t[0], &r);
	printf("left with %d\n", *(int *)r);

	signal(SIGUSR1, on_signal);
	pthread_create(&t[0], 0, wait_signal, 0);
	sem_wait(&started);
	SHOW(pthread_kill(t[0], SIGUSR1));
	pthread_join(t[0], &r);
	printf("handled there %d, %d times\n", (int)(intptr_t)r, (int)handled);
	for (int i = 0; i < 500; i++) {
		MUST(pthread_create(&t[0], 0, fast, 0) ? -1 : 0);
		pthread_join(t[0], 0);
	}
	printf("500 short threads\n");
	fflush(stdout);
	pthread_create(&t[0], 0, fast, 0);
	pthread_exit(0);
}
