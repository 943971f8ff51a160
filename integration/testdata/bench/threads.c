// Measures threads, and prints one number: nanoseconds for one of COUNT
//   create         pthread_create and pthread_join
//   mutex          pthread_mutex_lock and unlock that nobody else wants
//   contended      the same by two threads at once
//   condition      handing a word to and fro between two threads by condition variables
// or milliseconds
//   sum COUNT 1|2  in which one or two threads add up COUNT million random numbers
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long count;
static int turn;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *nothing(void *arg) { return arg; }

static void *lock(void *arg)
{
	for (long i = 0; i < count; i++) {
		pthread_mutex_lock(&mutex);
		++*(volatile int *)&turn;
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static void *take_turns(void *arg)
{
	int mine = (int)(long)arg;
	pthread_mutex_lock(&mutex);
	for (long i = 0; i < count; i++) {
		while (turn != mine) pthread_cond_wait(&changed, &mutex);
		turn = !mine;
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return 0;
}

static void *add(void *arg)
{
	unsigned x = 1, sum = 0; // xorshift, which no compiler shortens
	for (unsigned long i = 0; i < (unsigned long)arg; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		sum += x;
	}
	return (void *)(unsigned long)sum;
}

static unsigned long result;

static void both(void *(*work)(void *), void *first, void *second)
{
	pthread_t t;
	pthread_create(&t, 0, work, second);
	result = (unsigned long)work(first);
	pthread_join(t, 0);
}

int main(int argc, char **argv)
{
	if (argc < 3) return 2;
	const char *what = argv[1];
	count = atol(argv[2]);
	double before = now();
	if (!strcmp(what, "create")) {
		for (long i = 0; i < count; i++) {
			pthread_t t;
			if (pthread_create(&t, 0, nothing, 0)) return 1;
			pthread_join(t, 0);
		}
	} else if (!strcmp(what, "mutex")) lock(0);
	else if (!strcmp(what, "contended")) both(lock, 0, 0);
	else if (!strcmp(what, "condition")) both(take_turns, (void *)0, (void *)1);
	else if (!strcmp(what, "sum")) {
		unsigned long n = count * 1000000;
		if (argc > 3 && argv[3][0] == '2') both(add, (void *)(n / 2), (void *)(n / 2));
		else result = (unsigned long)add((void *)n);
		printf("%.1f\n", (now() - before) / 1e6);
		return result == 1;
	} else return 2;
	printf("%.1f\n", (now() - before) / count);
	return 0;
}
