// Scheduling policies and parameters, as the kernel has them.
#include "common.h"
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *when)
{
	struct sched_param param = {.sched_priority = 99};
	int policy = sched_getscheduler(0), result = sched_getparam(0, &param);
	printf("%s: policy %d, result %d, priority %d\n", when, policy, result, param.sched_priority);
}

int main(void)
{
	struct sched_param param = {.sched_priority = 0};
	show("at first");
	printf("set batch: %d\n", sched_setscheduler(0, SCHED_BATCH, &param));
	show("batch");
	if (fork() == 0) {
		show("child");
		_exit(0);
	}
	wait(0);
	printf("set parameter: %d\n", sched_setparam(0, &param));
	param.sched_priority = 1;
	printf("wrong priority: %d\n", sched_setscheduler(0, SCHED_BATCH, &param));
	printf("wrong policy: %d\n", sched_setscheduler(0, 77, &param));
	printf("nobody: %d %d\n", sched_getscheduler(-1), sched_getparam(0x7ffffff0, &param));
	printf("nowhere: %d\n", sched_getparam(0, 0));
	return 0;
}
