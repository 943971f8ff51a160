#include <sched.h>
#include "syscall.h"

/* musl refuses this and the like, because Linux takes the id for a thread's where POSIX
 * means all threads of a process. The programs that use them are Linux's, such as chrt,
 * and mean what Linux does. */
int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	return syscall(SYS_sched_setscheduler, pid, policy, param);
}
