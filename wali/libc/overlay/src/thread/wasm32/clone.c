/* __clone in its two uses: a thread, and (as in posix_spawn) a new process that runs a
 * function. They are apart, so that a program which only spawns processes does not look
 * like one with threads. pthread_impl.h picks between them by the flags. */
#define _GNU_SOURCE
#include <stdint.h>
#include "pthread_impl.h"
#include "syscall.h"

int __wali_thread_spawn(void (*)(int, void *), void *) __WALI_IMPORT("__wasm_thread_spawn");

hidden void __wasm_thread_start_libc(int, void *);

/* What a new thread gets. thread_start.s relies on the first two members. */
struct spawn {
	void *stack;
	void *tls;
	struct pthread *self;
	int (*func)(void *);
	void *arg;
	volatile int *clear_tid;
	unsigned long mask[_NSIG/8/sizeof(long)];
};

void __wasm_init_tls(void *);

int __wali_clone_thread(int (*func)(void *), void *stack, void *arg, int *tid, void *self, volatile int *clear_tid)
{
	struct spawn *s = (void *)(((uintptr_t)stack - sizeof *s) & -16);
	struct pthread *td = self;
	unsigned long mask[_NSIG/8/sizeof(long)];

	s->stack = s;
	s->tls = td->dtv;
	s->self = td;
	s->func = func;
	s->arg = arg;
	s->clear_tid = clear_tid;

	/* No handler may run in the new thread before it has its stack and its variables. */
	__block_all_sigs(mask);
	s->mask[0] = mask[0];
	int r = __wali_thread_spawn(__wasm_thread_start_libc, s);
	if (r >= 0) *tid = r;
	__restore_sigs(mask);
	return r;
}

/* Apart from its caller, so that no address in the old thread-local block is kept. */
__attribute__((__noinline__))
static void run(int tid, struct spawn *s)
{
	__wali_tp = (uintptr_t)s->self;
	s->self->tid = tid;
	__syscall(SYS_set_tid_address, s->clear_tid);
	__syscall(SYS_rt_sigprocmask, SIG_SETMASK, s->mask, 0, _NSIG/8);
	int r = s->func(s->arg);
	for (;;) __syscall(SYS_exit, r);
}

hidden void __wasm_thread_start_c(int tid, struct spawn *s)
{
	__wasm_init_tls(s->tls);
	run(tid, s);
}
