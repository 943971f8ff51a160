/* Computes, jumps and prints while a timer's signals come at any instruction, if an argument
 * says how many microseconds lie between two. What it prints does not depend on that. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile unsigned long handled, jumped;
static double sum;
static sigjmp_buf out;
static volatile sig_atomic_t armed;

/* Uses the stack below what it interrupts, and floats; every third time it jumps. */
static void handler(int sig)
{
	char big[2000];
	volatile char *p = big;
	handled++;
	for (unsigned i = 0; i < sizeof big; i++)
		p[i] = (char)handled;
	sum = sum * 1.0000001 + p[handled % sizeof big];
	if (armed && handled % 3 == 0) {
		jumped++;
		siglongjmp(out, sig);
	}
}

static unsigned table[64];

__attribute__((noinline)) static unsigned long long mix(unsigned n, double *result)
{
	unsigned long long h = 88172645463325252ull, s = 0;
	double x = 0.5, y = 1.25;
	memset(table, 0, sizeof table);
	for (unsigned i = 0; i < n; i++) {
		h ^= h << 13;
		h ^= h >> 7;
		h ^= h << 17;
		s += h * 2862933555777941757ull + i;
		x = x * 1.0000001 + y * 0.3;
		y = y - x * 1e-7;
		if (x > 1e6)
			x -= 1e6;
		table[h & 63] += (unsigned)s ^ table[i & 63];
	}
	for (int i = 0; i < 64; i++)
		s = s * 31 + table[i];
	*result = x + y;
	return s;
}

/* Calls nothing, and has a large frame. */
__attribute__((noinline)) static unsigned leaf(unsigned seed)
{
	unsigned a[512], s = 0;
	for (int i = 0; i < 512; i++)
		a[i] = seed * (i + 1);
	for (int r = 0; r < 500; r++)
		for (int i = 0; i < 512; i++)
			a[(a[i] ^ r) & 511] += a[i] * 2654435761u + r;
	for (int i = 0; i < 512; i++)
		s = s * 31 + a[i];
	return s;
}

static jmp_buf back;

__attribute__((noinline)) static void thrower(int n, volatile unsigned *k)
{
	char pad[256];
	memset(pad, n, sizeof pad);
	*k += pad[7];
	if (n > 0)
		thrower(n - 1, k);
	else
		longjmp(back, 7);
}

static void wait_for_a_signal(void)
{
	unsigned long before = handled;
	while (handled == before)
		;
}

int main(int argc, char **argv)
{
	int every = argc > 1 ? atoi(argv[1]) : 0;
	if (every > 0) {
		struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
		struct itimerval timer = { { 0, every }, { 0, every } };
		sigaction(SIGALRM, &action, 0);
		setitimer(ITIMER_REAL, &timer, 0);
		wait_for_a_signal();
	}
	unsigned long long s = 0;
	double x;
	for (int i = 0; i < 10; i++)
		s = s * 3 + mix(1000000, &x);
	printf("mix %llu %.17g\n", s, x);

	unsigned u = 0;
	for (unsigned k = 0; k < 100; k++)
		u = u * 3 + leaf(k);
	printf("leaf %u\n", u);

	volatile unsigned k = 0, total = 0, count = 0;
	for (int i = 0; i < 50000; i++) {
		if (!setjmp(back)) {
			thrower(i % 7, &k);
			abort();
		}
		count++;
		total += k;
		getppid();
	}
	printf("jumps %u %u %u\n", total, k, count);

	volatile unsigned long long hash = 0;
	for (volatile int done = 0; done < 1000; done++) {
		sigsetjmp(out, 1);
		armed = 1;
		unsigned long long h = done * 0x9e3779b97f4a7c15ull + 1;
		double d = done;
		for (int i = 0; i < 10000; i++) {
			h ^= h << 13;
			h ^= h >> 7;
			h ^= h << 17;
			d = d * 0.999 + (h & 255);
		}
		armed = 0;
		hash = hash * 31 + h + (unsigned long long)(d * 1000);
	}
	printf("handler's jumps %llu\n", hash);

	char line[100];
	FILE *f = tmpfile();
	for (int i = 0; i < 5000; i++)
		fprintf(f, "%d line %f\n", i, i * 0.25);
	rewind(f);
	unsigned long long text = 0;
	while (fgets(line, sizeof line, f))
		for (char *p = line; *p; p++)
			text = text * 31 + *p;
	printf("text %llu\n", text);
	fprintf(stderr, "%lu handled, %lu jumped\n", handled, jumped);
	return 0;
}
