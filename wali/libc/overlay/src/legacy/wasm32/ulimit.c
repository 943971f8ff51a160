#include <ulimit.h>
#include <sys/resource.h>
#include <stdarg.h>

#undef ulimit

/* In units of 512 bytes. */
enum { block = 512 };

/* What the macro of the header calls: the command, and the limit to set. */
long __wali_ulimit(const long *a)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit)) return -1;
	if (a[0] == UL_SETFSIZE) {
		limit.rlim_cur = (rlim_t)block * a[1];
		if (setrlimit(RLIMIT_FSIZE, &limit)) return -1;
	}
	return limit.rlim_cur / block;
}

/* Reached only past the macro: the limit is a long then, as the manual has it. */
long ulimit(int command, ...)
{
	long a[2] = { command };
	va_list ap;
	va_start(ap, command);
	if (command == UL_SETFSIZE) a[1] = va_arg(ap, long);
	va_end(ap);
	return __wali_ulimit(a);
}
