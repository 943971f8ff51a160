#include <sys/sem.h>
#include <stdarg.h>
#include <string.h>
#include "syscall.h"

#undef semctl

/* What the macro of the header calls; arg is the address of the fourth argument, or null. */
int __wali_semctl(int id, int number, int command, const void *arg)
{
	unsigned value = 0; /* an int or a pointer */
	if (arg) memcpy(&value, arg, sizeof value);
	return syscall(SYS_semctl, id, number, command, value);
}

/* Reached only past the macro. Nothing tells an int or a pointer from the address of a
 * union, which is what the manual asks for. */
int semctl(int id, int number, int command, ...)
{
	const void *arg = 0;
	va_list ap;
	va_start(ap, command);
	switch (command) {
	case SETVAL: case GETALL: case SETALL: case IPC_SET: case IPC_STAT: case IPC_INFO:
	case SEM_INFO: case SEM_STAT: case SEM_STAT_ANY:
		if (ap) arg = va_arg(ap, const void *);
	}
	va_end(ap);
	return __wali_semctl(id, number, command, arg);
}
