/* Cancellation. On other architectures the handler of SIGCANCEL sees from the program
 * counter whether it interrupted a cancellation point before the call took effect. Here the
 * handler notes in the thread's cp_abort that the call must not begin or begin again; our
 * engine looks at that word, once told its address, whenever it is about to enter the
 * kernel, and returns EINTR instead. */
#define _GNU_SOURCE
#include <string.h>
#include "pthread_impl.h"
#include "syscall.h"

/* Private option of prctl, see README.md. */
#define PR_WALI_ABORT_WORD 0x57410003

static volatile int restart_safe = 1;

static long cancel(void)
{
	pthread_t self = __pthread_self();
	if (self->canceldisable == PTHREAD_CANCEL_ENABLE || self->cancelasync)
		pthread_exit(PTHREAD_CANCELED);
	self->canceldisable = PTHREAD_CANCEL_DISABLE;
	return -ECANCELED;
}

long __cp_enter(long n)
{
	pthread_t self = __pthread_self();
	int st = self->canceldisable;
	if (st && (st == PTHREAD_CANCEL_DISABLE || n == SYS_close)) return 0;
	if (!self->cp_known) {
		self->cp_known = 1;
		if (__syscall(SYS_prctl, PR_WALI_ABORT_WORD, &self->cp_abort, 0, 0, 0))
			restart_safe = 0;
	}
	/* From here on the handler knows that this thread is in a cancellation point; a
	 * request made before is seen by the test that follows. */
	self->cp_depth++;
	a_barrier();
	if (!self->cancel) return 0;
	self->cp_depth--;
	return cancel();
}

long __cp_leave(long n, long r)
{
	pthread_t self = __pthread_self();
	int st = self->canceldisable;
	if (self->cp_depth && !--self->cp_depth) self->cp_abort = 0;
	if (r == -EINTR && n != SYS_close && self->cancel && st != PTHREAD_CANCEL_DISABLE)
		return cancel();
	return r;
}

static void cancel_handler(int sig, siginfo_t *si, void *ctx)
{
	pthread_t self = __pthread_self();

	a_barrier();
	if (!self->cancel || self->canceldisable == PTHREAD_CANCEL_DISABLE) return;
	if (self->cancelasync) cancel();
	if (self->cp_depth) self->cp_abort = 1;
}

void __testcancel()
{
	pthread_t self = __pthread_self();
	if (self->cancel && !self->canceldisable)
		cancel();
}

static void init_cancellation()
{
	/* Where the engine does not look at cp_abort, a blocked call must fail with EINTR
	 * to be left at all. */
	struct sigaction sa = {
		.sa_flags = SA_SIGINFO | (restart_safe ? SA_RESTART : 0),
		.sa_sigaction = cancel_handler
	};
	memset(&sa.sa_mask, -1, _NSIG/8);
	__libc_sigaction(SIGCANCEL, &sa, 0);
}

int pthread_cancel(pthread_t t)
{
	static int init;
	if (!init) {
		init_cancellation();
		init = 1;
	}
	a_store(&t->cancel, 1);
	if (t == pthread_self()) {
		if (t->canceldisable == PTHREAD_CANCEL_ENABLE && t->cancelasync)
			pthread_exit(PTHREAD_CANCELED);
		return 0;
	}
	return pthread_kill(t, SIGCANCEL);
}
