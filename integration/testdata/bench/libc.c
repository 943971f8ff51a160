// libc NAME: prints how many nanoseconds of processor time a call takes; list: the names.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile uintptr_t sink;
static char *volatile text = "3.14159265358979e7";
static volatile double number = 1.2345678901;
#define SIZE (1 << 20)
// Out of the compiler's sight: it would leave out what nobody reads.
static char *volatile big, *volatile other;

static void do_strtod(long n) { while (n--) sink = strtod(text, 0); }
static void do_strtod_long(long n) { while (n--) sink = strtod("1.00000000000000011102230246251565404236316680908203124", 0) > 1; }
static void do_printf_14g(long n) { char b[64]; while (n--) sink = snprintf(b, sizeof b, "%.14g", number * (n & 0xffff)); }
static void do_printf_17g(long n) { char b[64]; while (n--) sink = snprintf(b, sizeof b, "%.17g", number * (n & 0xffff)); }
static void do_printf_2f(long n) { char b[64]; while (n--) sink = snprintf(b, sizeof b, "%.2f", number * (n & 0xffff)); }
static void do_printf_30e(long n) { char b[64]; while (n--) sink = snprintf(b, sizeof b, "%.30e", number * (n & 0xffff)); }

// Lengths as programs have them, mostly short.
static size_t length(long n) { return (n * 2654435761u >> 16) % 8 ? (n * 2654435761u >> 20) % 32 : (n * 2654435761u >> 20) % 300; }

static void do_memcpy_short(long n) { while (n--) memcpy(big + (n & 63), other + (n & 31), length(n)); }
static void do_memset_short(long n) { while (n--) memset(big + (n & 63), 1, length(n)); }
static void do_memcpy_1M(long n) { while (n--) memcpy(big, other, SIZE); }
static void do_strlen_short(long n) { while (n--) sink = strlen(other + SIZE - 1 - length(n)); }
static void do_strlen_1M(long n) { while (n--) sink = strlen(other); }
static void do_memchr_1M(long n) { while (n--) sink = (uintptr_t)memchr(other, 'b', SIZE); }
static void do_strcmp_20(long n) { while (n--) sink = strcmp(other + SIZE - 21, other + SIZE - 21 - 21 * (n & 1)); }
static void do_memcmp_20(long n) { while (n--) sink = memcmp(other + (n & 15), other + 100, 20); }
static void do_strchr_20(long n) { while (n--) sink = (uintptr_t)strchr(other + SIZE - 21, 'b'); }

// A few objects that come and go, as in a shell.
static void do_malloc_few(long n)
{
	void *p[8] = { 0 };
	while (n--) { free(p[n % 8]); p[n % 8] = malloc(1 + length(n)); }
	for (int i = 0; i < 8; i++) free(p[i]);
}

// Many objects of all ages, as in an interpreter.
static void do_malloc_many(long n)
{
	enum { many = 20000 };
	static __thread void *p[many];
	unsigned r = 1;
	while (n--) {
		r = r * 1664525 + 1013904223;
		unsigned k = r >> 8;
		k %= many;
		free(p[k]);
		p[k] = malloc(8 + length(r >> 8));
	}
	for (int i = 0; i < many; i++) { free(p[i]); p[i] = 0; }
}

// One after the other until there are many, then all are freed.
static void do_malloc_build(long n)
{
	enum { many = 10000 };
	static void *p[many];
	for (; n > 0; n -= many) {
		for (int i = 0; i < many; i++) p[i] = malloc(8 + length(i));
		for (int i = 0; i < many; i++) free(p[i]);
	}
}

static void do_realloc_grow(long n)
{
	while (n > 0) {
		char *p = 0;
		for (size_t size = 8; size < 2000; size += size / 4, n--) p = realloc(p, size);
		free(p);
	}
}

static void *thread(void *n) { do_malloc_many((intptr_t)n); return 0; }
static void do_malloc_threads(long n)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, thread, (void *)(intptr_t)(n / 4));
	for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
}

static const struct { const char *name; void (*f)(long); long n; } all[] = {
#define ENTRY(name, n) { #name, do_##name, n },
	ENTRY(strtod, 300000) ENTRY(strtod_long, 100000) ENTRY(printf_14g, 300000) ENTRY(printf_17g, 300000) ENTRY(printf_2f, 300000) ENTRY(printf_30e, 100000)
	ENTRY(memcpy_short, 10000000) ENTRY(memset_short, 10000000) ENTRY(memcpy_1M, 500) ENTRY(strlen_short, 10000000) ENTRY(strlen_1M, 1000) ENTRY(memchr_1M, 1000)
	ENTRY(strcmp_20, 10000000) ENTRY(memcmp_20, 10000000) ENTRY(strchr_20, 10000000)
	ENTRY(malloc_few, 3000000) ENTRY(malloc_many, 3000000) ENTRY(malloc_build, 1000000) ENTRY(realloc_grow, 1000000) ENTRY(malloc_threads, 2000000)
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	big = calloc(SIZE, 1);
	other = calloc(SIZE, 1);
	memset(other, 'a', SIZE - 1);
	memset(big, 'a', SIZE - 1);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (argc > 1 && strcmp(argv[1], all[i].name)) {
			if (!strcmp(argv[1], "list")) printf("%s ", all[i].name);
			continue;
		}
		double t = now();
		all[i].f(all[i].n);
		if (argc > 1) printf("%.1f\n", (now() - t) / all[i].n);
		else printf("%s %.1f\n", all[i].name, (now() - t) / all[i].n);
	}
	return 0;
}
