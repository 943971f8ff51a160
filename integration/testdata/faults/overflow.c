// overflow KIND: uses up a stack, of 8 MB unless it is built otherwise.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

__attribute__((noinline)) static int deep(int n)
{
	volatile char frame[1000];
	frame[n % 1000] = 1;
	return n < 0 ? 0 : deep(n + 1) + frame[(n + 1) % 1000];
}

__attribute__((noinline)) static int large(int n)
{
	volatile int numbers[5000000];
	for (int i = 0; i < n; i++) numbers[i] = i;
	return numbers[n / 2];
}

__attribute__((noinline)) static int fits(void)
{
	int numbers[1000000];
	long sum = 0;
	for (int i = 0; i < 1000000; i++) numbers[i] = i;
	for (int i = 0; i < 1000000; i++) sum += numbers[i];
	printf("%ld\n", sum);
	return 0;
}

static void *thread(void *unused)
{
	deep(0);
	return 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "fits";
	struct rlimit r;
	getrlimit(RLIMIT_STACK, &r);
	printf("%d\n", r.rlim_cur == 8 << 20);
	fflush(stdout);
	if (!strcmp(kind, "fits")) return fits();
	if (!strcmp(kind, "deep")) return deep(0);
	if (!strcmp(kind, "large")) return large(5000000);
	if (!strcmp(kind, "thread")) {
		pthread_t t;
		pthread_create(&t, 0, thread, 0);
		pthread_join(t, 0);
	}
	return 1;
}
