// faults KIND: dies in a way that a native program dies, too, from a function
// whose name the report must give.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef int (*with_int)(int);
static volatile int zero, seven = 7;
static int *volatile nowhere;

__attribute__((noinline)) static int culprit_null(void) { return *nowhere; }
__attribute__((noinline)) static int culprit_wild(void) { return *(volatile int *)0x7ffff000; }
__attribute__((noinline)) static void culprit_trap(void) { __builtin_trap(); }
__attribute__((noinline)) static void culprit_abort(void) { abort(); }
__attribute__((noinline)) static int culprit_divide(void) { return seven / zero; }

__attribute__((noinline)) static void culprit_readonly(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(page, 1, 10);
}

__attribute__((noinline)) static void culprit_unmapped(void)
{
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[40000] = 1;
	munmap(page, 65536);
	page[40000] = 2;
}

__attribute__((noinline)) static int culprit_deep(int n)
{
	volatile char frame[1000];
	frame[n % 1000] = 1;
	return n < 0 ? 0 : culprit_deep(n + 1) + frame[(n + 1) % 1000];
}

// A native call through a pointer of another type works by accident, or not;
// this one has no meaning anywhere.
static double takes_double(double x) { return x * 2; }
static void *volatile target = (void *)takes_double;
__attribute__((noinline)) static int culprit_mismatch(void)
{
	with_int f = (with_int)target;
	return f(zero);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	printf("about to die: %s\n", kind);
	fflush(stdout);
	if (!strcmp(kind, "null")) return culprit_null();
	if (!strcmp(kind, "wild")) return culprit_wild();
	if (!strcmp(kind, "trap")) culprit_trap();
	if (!strcmp(kind, "abort")) culprit_abort();
	if (!strcmp(kind, "divide")) return culprit_divide();
	if (!strcmp(kind, "readonly")) culprit_readonly();
	if (!strcmp(kind, "unmapped")) culprit_unmapped();
	if (!strcmp(kind, "deep")) return culprit_deep(1);
	if (!strcmp(kind, "mismatch")) return culprit_mismatch() == 1000;
	return 0;
}
