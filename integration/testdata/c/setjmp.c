// setjmp and longjmp in every shape that C allows, with the signal mask kept or not.
#include "common.h"
#include <setjmp.h>
#include <signal.h>

static jmp_buf env, outer, inner;
static sigjmp_buf senv;

__attribute__((noinline)) static int deep(int n, int value)
{
	volatile char pad[200];
	memset((char *)pad, n, sizeof pad);
	if (n == 0) longjmp(env, value);
	return deep(n - 1, value) + pad[n % 200];
}

__attribute__((noinline)) static void throw_inner(int v) { longjmp(inner, v); }
__attribute__((noinline)) static void throw_outer(int v) { longjmp(outer, v); }

__attribute__((noinline)) static int nested(int how)
{
	volatile int state = 1;
	int r = setjmp(outer);
	if (r) return 1000 + r * 10 + state;
	state = 2;
	int s = setjmp(inner);
	if (s == 0) {
		state = 3;
		if (how == 0) throw_inner(1);
		if (how == 1) throw_outer(2);
		return state;
	}
	state = 4;
	throw_outer(s + 5);
	return -1;
}

/* A generator that hands control to and fro between a protected block and its handler. */
__attribute__((noinline)) static int retry(void)
{
	volatile int tries = 0;
	static jmp_buf again;
	setjmp(again);
	if (++tries < 1000) longjmp(again, 1);
	return tries;
}

/* Many buffers filled by one call of setjmp, used in another order. */
__attribute__((noinline)) static int several(void)
{
	static jmp_buf many[5];
	static int order[] = { 3, 0, 4, 1, 2 }, at;
	volatile int sum = 0;
	for (volatile int i = 0; i < 5; i++) {
		int r = setjmp(many[i]);
		if (r) {
			sum = sum * 10 + r;
			if (at == 5) return sum;
			i = 4;
		}
	}
	int next = order[at++];
	longjmp(many[next], next + 1);
}

static int compare_and_jump(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	if (x == 7 || y == 7) longjmp(env, 77);
	return (x > y) - (x < y);
}

static int by_value(void)
{
	jmp_buf local;
	switch (setjmp(local)) {
	case 0: longjmp(local, 3);
	case 3: return 33;
	default: return -1;
	}
}

int main(void)
{
	volatile int v = 1;
	int r = setjmp(env);
	printf("setjmp returned %d, v %d\n", r, v);
	if (r < 3) {
		v = v * 10;
		longjmp(env, r + 1);
	}
	r = setjmp(env);
	if (r == 0) longjmp(env, 0);
	printf("longjmp with 0 gives %d\n", r);

	r = setjmp(env);
	if (r == 0) deep(100, 42);
	printf("out of 100 frames: %d\n", r);
	r = setjmp(env);
	if (r == 0) deep(3000, 43);
	printf("out of 3000 frames: %d\n", r);

	volatile long sum = 0;
	for (volatile int i = 0; i < 100000; i++) {
		r = setjmp(env);
		if (r == 0) deep(i % 5, i % 7 + 1);
		sum += r;
	}
	printf("100000 jumps: %ld\n", sum);
	printf("nested %d %d %d\n", nested(0), nested(1), nested(2));
	printf("retry %d\n", retry());
	printf("several %d\n", several());
	printf("local buffer %d\n", by_value());

	int numbers[] = { 5, 3, 7, 1 };
	r = setjmp(env);
	if (r == 0) qsort(numbers, 4, sizeof *numbers, compare_and_jump);
	printf("out of qsort: %d\n", r);

	/* Locals that are not changed keep their values, of all types. */
	double d = 1.5 + v; long long ll = 123456789012345LL * v; float f = 0.25f * v;
	r = setjmp(env);
	if (r < 2) deep(20, r + 1);
	printf("locals %g %lld %g\n", d, ll, f);

	/* Whether the mask is restored. */
	sigset_t set, now;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int save = 0; save < 2; save++) {
		sigprocmask(SIG_SETMASK, &(sigset_t){0}, 0);
		if (sigsetjmp(senv, save) == 0) {
			sigprocmask(SIG_BLOCK, &set, 0);
			siglongjmp(senv, 1);
		}
		sigprocmask(SIG_BLOCK, 0, &now);
		printf("saved %d: blocked %d\n", save, sigismember(&now, SIGUSR1));
	}
	return 0;
}
