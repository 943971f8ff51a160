// args: spawn
// args: vfork
// args: fork
// args: system
// args: popen
// args: setegid
// args: rlimit
// args: exec
// flags: -pthread
// needs: threads fork exec
// Threads are created while others do what makes all threads of the process stand still.
#include "common.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS = 4, TIMES = 25 };

static char *self, *how;
static int done;

static void await_child(pid_t pid)
{
	int status;
	if (MUST(waitpid(pid, &status, 0)) != pid || status != 0) {
		printf("child: status %#x\n", status);
		exit(99);
	}
}

static int once(void)
{
	char *argv[] = {self, "child", 0};
	pid_t pid;
	FILE *f;
	switch (how[0]) {
	case 'v':
		pid = MUST(vfork());
		if (pid == 0) _exit(0);
		await_child(pid);
		return 1;
	case 'f':
		pid = MUST(fork());
		if (pid == 0) _exit(0);
		await_child(pid);
		return 1;
	case 'p':
		f = popen("exit 0", "r");
		if (f) pclose(f); // there may be no shell
		return 1;
	case 'r': {
		struct rlimit limit;
		MUST(getrlimit(RLIMIT_CORE, &limit));
		MUST(setrlimit(RLIMIT_CORE, &limit));
		return 1;
	}
	case 's':
		if (how[1] == 'e') return MUST(setegid(getegid())) == 0;
		if (how[1] == 'y') {
			int status = system("exit 0"); // there may be no shell
			return status != -1 || errno;
		}
		if (posix_spawn(&pid, self, 0, 0, argv, environ)) return 0;
		await_child(pid);
		return 1;
	}
	return 0;
}

static void *stopper(void *arg)
{
	for (int i = 0; i < TIMES; i++) done += once();
	return arg;
}

static void *idle(void *arg)
{
	usleep(20000);
	return arg;
}

static void *execute(void *arg)
{
	char *argv[] = {self, "child", 0};
	for (volatile int i = *(int *)arg * 300000; i > 0; i--) {}
	execve(self, argv, environ);
	_exit(98);
}

// executes replaces a process by another program while it creates threads.
static void executes(int round)
{
	pid_t pid = MUST(fork());
	if (pid == 0) {
		pthread_t t;
		if (pthread_create(&t, 0, execute, &round)) _exit(97);
		for (int i = 0; i < 60; i++) pthread_create(&t, 0, idle, 0);
		for (;;) pause();
	}
	await_child(pid);
	done++;
}

int main(int argc, char **argv)
{
	how = argv[1];
	if (!strcmp(how, "child")) return 0;
	self = realpath(argv[0], 0);
	for (int round = 0; round < ROUNDS; round++) {
		if (how[0] == 'e') {
			executes(round);
			continue;
		}
		pthread_t s, t[TIMES];
		pthread_create(&s, 0, stopper, 0);
		for (int i = 0; i < TIMES; i++) pthread_create(&t[i], 0, idle, 0);
		for (int i = 0; i < TIMES; i++) pthread_join(t[i], 0);
		pthread_join(s, 0);
	}
	printf("done %d times\n", done);
	return 0;
}
