#include <sys/prctl.h>
#include <stdarg.h>
#include "syscall.h"

#undef prctl

int __wali_prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_prctl, op, a, b, c, d);
}

/* Reached only past the macro of the header: arguments of int and pointer size then. */
int prctl(int op, ...)
{
	unsigned long x[4];
	va_list ap;
	va_start(ap, op);
	for (int i = 0; i < 4; i++) x[i] = ap ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	return __wali_prctl(op, x[0], x[1], x[2], x[3]);
}
