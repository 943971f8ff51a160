#include <stdlib.h>
#include <stdint.h>
#include "libc.h"
#include "syscall.h"

int __wali_deinit(void) __WALI_IMPORT("__deinit");
void __wali_proc_exit(int) __WALI_IMPORT("__proc_exit");

static void dummy(void)
{
}

/* Defined by atexit.c and by the streams where they are used. Destructors are registered
 * with atexit by the compiler, so there is no array of them. */
weak_alias(dummy, __funcs_on_exit);
weak_alias(dummy, __stdio_exit);

_Noreturn void exit(int code)
{
	__funcs_on_exit();
	__stdio_exit();
	if (!code) __wali_deinit();
	__wali_proc_exit(code);
	_Exit(code);
}
