#include <sched.h>
#include "syscall.h"

/* See sched_setscheduler.c. */
int sched_getparam(pid_t pid, struct sched_param *param)
{
	return syscall(SYS_sched_getparam, pid, param);
}
