#define _GNU_SOURCE
#define __WALI_NEED_MASKS
#include <unistd.h>
#include <stdarg.h>
#include "syscall.h"

#undef syscall

/* Imports every call there is: the headers send only those callers here that give no
 * constant number. */
long __wali_syscall_any(long n, long a, long b, long c, long d, long e, long f)
{
	return __syscall_ret(__wali_syscall(n, a, b, c, d, e, f));
}

/* Reached only past the macro of the header. Arguments lie in memory in their own size, so
 * the call's types say how to read them. */
long syscall(long n, ...)
{
	long x[6];
	int wide = __wali_syscall_wide(n);
	va_list ap;
	va_start(ap, n);
	for (int i = 0; i < 6; i++)
		x[i] = !ap ? 0 : wide>>i & 1 ? va_arg(ap, long) : va_arg(ap, int);
	va_end(ap);
	return __wali_syscall_any(n, x[0], x[1], x[2], x[3], x[4], x[5]);
}
