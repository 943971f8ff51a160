#define _GNU_SOURCE
#include <unistd.h>
#include "syscall.h"

#define PR_WALI_VFORK 0x57410005

// The child has a copy of the memory: it could not run on the parent's. So it is a child
// of fork, in which the library's locks are free, and the parent waits when it has given
// these up itself. An engine that does not know the option makes a child of fork.
pid_t vfork(void)
{
	__syscall(SYS_prctl, PR_WALI_VFORK, 1, 0, 0, 0);
	pid_t pid = fork();
	if (pid > 0) __syscall(SYS_prctl, PR_WALI_VFORK, 0, 0, 0, 0);
	return pid;
}
