#include <sys/prctl.h>
#include <stdarg.h>
#include "syscall.h"

#undef prctl

/* What the macro of the header calls. */
int __wali_prctl(const long *a)
{
	return syscall(SYS_prctl, a[0], a[1], a[2], a[3], a[4]);
}

/* Reached only past the macro: arguments of int and pointer size then. */
int prctl(int op, ...)
{
	long a[5] = { op };
	va_list ap;
	va_start(ap, op);
	for (int i = 1; i < 5; i++) a[i] = ap ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	return __wali_prctl(a);
}
