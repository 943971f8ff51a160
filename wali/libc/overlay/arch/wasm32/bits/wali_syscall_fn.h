/* syscall() for programs. A variadic call would pass each argument in its own size, which
 * the callee cannot know, and would need all imports; so it is a macro that widens the
 * arguments and, given a constant number and an optimizing compiler, makes the one call. */
#ifndef _BITS_WALI_SYSCALL_FN_H
#define _BITS_WALI_SYSCALL_FN_H

#include <bits/wali_syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

long __wali_syscall_any(long, long, long, long, long, long, long);
long __wali_syscall_result(unsigned long);

static __inline __attribute__((__always_inline__, __unused__))
long __wali_syscall_user(long n, long a, long b, long c, long d, long e, long f)
{
	if (__builtin_constant_p(n))
		return __wali_syscall_result(__wali_syscall(n, a, b, c, d, e, f));
	return __wali_syscall_any(n, a, b, c, d, e, f);
}

#define __wali_syscall_args(n, a, b, c, d, e, f, ...) \
	__wali_syscall_user((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define syscall(...) __wali_syscall_args(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#ifdef __cplusplus
}
#endif

#endif
