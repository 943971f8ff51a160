// flags: -pthread
// needs: fork threads
// Threads that allocate, hand what they have allocated to each other, end and fork; the
// children allocate too. Contents are checked.
#include "common.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 6
#define BOX 256

static struct { pthread_mutex_t lock; unsigned char *item[BOX]; size_t size[BOX]; } box = { PTHREAD_MUTEX_INITIALIZER };
static int wrong, children;

static int bad(unsigned char *p, size_t n)
{
	unsigned char mark = n * 7;
	return p[0] != mark || p[n - 1] != mark || p[n / 2] != mark;
}

static void work(unsigned seed, int rounds)
{
	unsigned char *mine[64] = { 0 };
	size_t size[64] = { 0 };
	int errors = 0;
	for (int i = 0; i < rounds; i++) {
		seed = seed * 1664525 + 1013904223;
		unsigned k = (seed >> 8) % 64, b = (seed >> 14) % BOX;
		if (mine[k]) {
			errors += bad(mine[k], size[k]);
			if (seed >> 29 == 0) {
				size_t n = 1 + (seed >> 10) % 3000;
				mine[k] = realloc(mine[k], n);
				memset(mine[k], n * 7, n);
				size[k] = n;
				continue;
			}
			if (seed >> 30 == 1) { // another thread frees it
				pthread_mutex_lock(&box.lock);
				unsigned char *old = box.item[b];
				size_t old_size = box.size[b];
				box.item[b] = mine[k];
				box.size[b] = size[k];
				pthread_mutex_unlock(&box.lock);
				mine[k] = old;
				size[k] = old_size;
				continue;
			}
			free(mine[k]);
			mine[k] = 0;
		} else {
			size_t n = 1 + (seed >> 8) % (seed >> 28 == 3 ? 5000 : 300);
			mine[k] = seed >> 31 ? malloc(n) : calloc(n, 1);
			for (size_t j = 0; !(seed >> 31) && j < n; j++) errors += mine[k][j] != 0;
			memset(mine[k], n * 7, n);
			size[k] = n;
		}
	}
	for (int k = 0; k < 64; k++) if (mine[k]) { errors += bad(mine[k], size[k]); free(mine[k]); }
	if (errors) __atomic_fetch_add(&wrong, errors, __ATOMIC_SEQ_CST);
}

static void *thread(void *arg)
{
	work((unsigned)(long)arg, 20000);
	return 0;
}

static void *forker(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		if (child < 0) { wrong++; break; }
		if (!child) {
			alarm(60);
			// The box's lock may be another thread's, so the child has one of its own.
			pthread_mutex_init(&box.lock, 0);
			memset(box.item, 0, sizeof box.item);
			wrong = 0;
			pthread_t t;
			if (pthread_create(&t, 0, thread, (void *)(long)i)) _exit(3);
			work(i, 2000);
			pthread_join(t, 0);
			_exit(wrong != 0);
		}
		int status;
		waitpid(child, &status, 0);
		if (status) { printf("child %d: %x\n", i, status); __atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST); }
		else children++;
	}
	return arg;
}

int main(void)
{
	for (int round = 0; round < 5; round++) {
		pthread_t t[THREADS], f;
		for (long i = 0; i < THREADS; i++) MUST(-pthread_create(&t[i], 0, thread, (void *)(i + 100 * round)));
		if (round == 1) MUST(-pthread_create(&f, 0, forker, 0));
		for (int i = 0; i < THREADS; i++) pthread_join(t[i], 0);
		if (round == 1) pthread_join(f, 0);
	}
	printf("%d wrong, %d children\n", wrong, children);
	return 0;
}
