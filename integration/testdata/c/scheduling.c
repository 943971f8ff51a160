// Scheduling policies and parameters, as the kernel has them.
#include "common.h"
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *when)
{
	struct sched_param param = {.sched_priority = 99};
	int policy = sched_getscheduler(0), result = sched_getparam(0, &param);
	printf("%s: policy %d, result %d, priority %d\n", when, policy, result, param.sched_priority);
}

// spawn starts this program with the attributes' scheduling.
static void spawn(const char *what, int flags, int policy, int priority)
{
	posix_spawnattr_t attr;
	struct sched_param param = {.sched_priority = priority}, set = {0};
	int set_policy = -1, status = -1, e;
	pid_t pid;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, flags);
	e = posix_spawnattr_setschedpolicy(&attr, policy);
	e |= posix_spawnattr_setschedparam(&attr, &param);
	e |= posix_spawnattr_getschedpolicy(&attr, &set_policy);
	e |= posix_spawnattr_getschedparam(&attr, &set);
	printf("attributes: %d %d %d\n", e, set_policy, set.sched_priority);
	fflush(stdout);
	e = posix_spawn(&pid, "/proc/self/exe", 0, &attr, (char *[]){"scheduling", (char *)what, 0}, environ);
	if (e == 0)
		waitpid(pid, &status, 0);
	printf("spawned: %d, status %d\n", e, status);
	posix_spawnattr_destroy(&attr);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		show(argv[1]);
		return 3;
	}
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
	spawn("spawned", POSIX_SPAWN_SETSCHEDULER, SCHED_OTHER, 0);
	spawn("spawned as it is", POSIX_SPAWN_SETSCHEDPARAM, SCHED_OTHER, 0);
	spawn("spawned without", 0, SCHED_OTHER, 0);
	spawn("spawned wrong", POSIX_SPAWN_SETSCHEDULER, SCHED_OTHER, 1);
	spawn("spawned wrong", POSIX_SPAWN_SETSCHEDPARAM, 77, 1);
	return 0;
}
