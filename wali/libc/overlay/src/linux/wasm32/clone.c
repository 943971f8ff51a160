#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <unistd.h>
#include "pthread_impl.h"
#include "syscall.h"

/* A new process gets a copy of the memory and runs on the same stack, whatever the stack
 * argument says. With memory shared it would have to be a thread, which only pthread_create
 * can make, unless the parent waits (CLONE_VFORK), where a copy serves as well. */
int clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	va_list ap;
	pid_t *ptid, *ctid;
	void *tls;
	long r;

	va_start(ap, arg);
	ptid = ap ? va_arg(ap, pid_t *) : 0;
	tls  = ap ? va_arg(ap, void *) : 0;
	ctid = ap ? va_arg(ap, pid_t *) : 0;
	va_end(ap);

	if (!func || !stack || (flags & CLONE_THREAD)
	 || (flags & (CLONE_VM|CLONE_VFORK)) == CLONE_VM) {
		errno = EINVAL;
		return -1;
	}
	flags &= ~(CLONE_VM|CLONE_VFORK|CLONE_SETTLS);
	r = flags == SIGCHLD ? __syscall(SYS_fork)
		: __syscall(SYS_clone, flags, 0, ptid, ctid, tls);
	if (r) return __syscall_ret(r);
	r = func(arg);
	for (;;) __syscall(SYS_exit_group, r);
}
