#include "pthread_impl.h"

/* musl's lock, see src/thread/__lock.c, with the ways that wait in functions of their own: the
 * engine saves in the prologue what any path of a function needs. */

static __attribute__((__noinline__)) void lock_contended(volatile int *l, int current)
{
	for (unsigned i = 0; i < 10; ++i) {
		if (current < 0) current -= INT_MIN + 1;
		int val = a_cas(l, current, INT_MIN + (current + 1));
		if (val == current) return;
		current = val;
	}
	current = a_fetch_add(l, 1) + 1;
	for (;;) {
		if (current < 0) {
			__futexwait(l, current, 1);
			current -= INT_MIN + 1;
		}
		int val = a_cas(l, current, INT_MIN + current);
		if (val == current) return;
		current = val;
	}
}

static __attribute__((__noinline__)) void wake_one(volatile int *l)
{
	__wake(l, 1, 1);
}

void __lock(volatile int *l)
{
	int need_locks = libc.need_locks;
	if (!need_locks) return;
	int current = a_cas(l, 0, INT_MIN + 1);
	if (need_locks < 0) libc.need_locks = 0;
	if (current) lock_contended(l, current);
}

void __unlock(volatile int *l)
{
	if (l[0] < 0 && a_fetch_add(l, -(INT_MIN + 1)) != INT_MIN + 1)
		wake_one(l);
}
