#include <sched.h>
#include "syscall.h"

/* See sched_setscheduler.c. */
int sched_setparam(pid_t pid, const struct sched_param *param)
{
	return syscall(SYS_sched_setparam, pid, param);
}
