#include <bits/wali_syscall.h>

#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

#define __wali_inline static __inline __attribute__((__always_inline__))

/* The call number is a constant wherever musl makes a call, so each of these becomes one
 * call of one import. */
__wali_inline long __syscall0(long n)
{
	return __wali_syscall(n, 0, 0, 0, 0, 0, 0);
}

__wali_inline long __syscall1(long n, long a)
{
	return __wali_syscall(n, a, 0, 0, 0, 0, 0);
}

__wali_inline long __syscall2(long n, long a, long b)
{
	return __wali_syscall(n, a, b, 0, 0, 0, 0);
}

__wali_inline long __syscall3(long n, long a, long b, long c)
{
	return __wali_syscall(n, a, b, c, 0, 0, 0);
}

__wali_inline long __syscall4(long n, long a, long b, long c, long d)
{
	return __wali_syscall(n, a, b, c, d, 0, 0);
}

__wali_inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return __wali_syscall(n, a, b, c, d, e, 0);
}

__wali_inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return __wali_syscall(n, a, b, c, d, e, f);
}

/* A cancellation point. pthread_cancel.c provides the two hooks; a program that cannot
 * cancel gets the empty ones of __syscall_cp.c. A result of __cp_enter other than 0 is
 * the result of the call, which is then not made. */
__attribute__((__visibility__("hidden"))) long __cp_enter(long);
__attribute__((__visibility__("hidden"))) long __cp_leave(long, long);

__wali_inline long __wali_syscall_cp(long n, long a, long b, long c, long d, long e, long f)
{
	long r = __cp_enter(n);
	if (r) return r;
	return __cp_leave(n, __wali_syscall(n, a, b, c, d, e, f));
}

#define IPC_64 0
