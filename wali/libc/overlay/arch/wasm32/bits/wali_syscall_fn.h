/* syscall() for programs: widens its arguments, and, given a constant number and an optimizing
 * compiler, makes the one call. The function of that name would need the imports of all calls. */
#ifndef _BITS_WALI_SYSCALL_FN_H
#define _BITS_WALI_SYSCALL_FN_H

#include <bits/wali_syscall.h>
#include <bits/wali_wide.h>

#ifdef __cplusplus
extern "C" {
#endif

long (syscall)(long, ...);
long __wali_syscall_any(long, long, long, long, long, long, long);
long __wali_syscall_result(unsigned long);

static __inline __attribute__((__always_inline__, __unused__))
long __wali_syscall_user(const long *__a)
{
	if (__builtin_constant_p(__a[0]))
		return __wali_syscall_result(__wali_syscall(__a[0], __a[1], __a[2], __a[3], __a[4], __a[5], __a[6]));
	return __wali_syscall_any(__a[0], __a[1], __a[2], __a[3], __a[4], __a[5], __a[6]);
}

#ifdef __cplusplus
}

extern "C++" {

template<class... __types>
inline __attribute__((__always_inline__))
long syscall(long __n, __types... __x)
{
	const long __a[sizeof...(__types) < 7 ? 7 : sizeof...(__types) + 1] = { __n, __wali_wide<__types>::__of(__x)... };
	return __wali_syscall_user(__a);
}

/* Preferred to the variadic function, for its attribute, and to the template. */
inline __attribute__((__always_inline__, __enable_if__(1, "")))
long syscall(long __n)
{
	const long __a[7] = { __n };
	return __wali_syscall_user(__a);
}

}
#else
#define syscall(...) __wali_syscall_user(__wali_wide(7, __VA_ARGS__))
#endif

#endif
