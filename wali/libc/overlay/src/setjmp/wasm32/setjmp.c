/* <setjmp.h> leads straight to the imports. These are for programs, in practice configure
 * scripts, that declare the functions by themselves: the jumps work, and a setjmp that the
 * engine could not return from twice says so. */
#include <stdint.h>
#include "syscall.h"

_Noreturn void __wali_longjmp(void *, int) __WALI_IMPORT("longjmp");

static int missing(void)
{
	static const char text[] = "setjmp called without its declaration from <setjmp.h>\n";
	__syscall(SYS_write, 2, text, sizeof text - 1);
	__builtin_trap();
}

int setjmp(void *buf)
{
	return missing();
}

int _setjmp(void *buf)
{
	return missing();
}

int sigsetjmp(void *buf, int save)
{
	return missing();
}

_Noreturn void longjmp(void *buf, int val)
{
	__wali_longjmp(buf, val);
}

_Noreturn void _longjmp(void *buf, int val)
{
	__wali_longjmp(buf, val);
}

_Noreturn void siglongjmp(void *buf, int val)
{
	__wali_longjmp(buf, val);
}
