// args: exit
// args: exec
// args: killed
// args: alone
// flags: -pthread
// needs: threads fork exec
// The thread that calls vfork waits until the child executes or ends, and no other does.
#include "common.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_child[2], to_executed[2];

// feed lets the child go on, while the thread that has made it waits.
static void *feed(void *arg)
{
	char c;
	MUST(read(*(int *)arg, &c, 1));
	MUST(write(to_child[1], "", 1));
	return arg;
}

int main(int argc, char **argv)
{
	char c, *how = argv[1], *self = realpath(argv[0], 0);
	if (!strcmp(how, "executed")) {
		MUST(read(0, &c, 1));
		return 7;
	}
	int to_feeder[2];
	volatile int *reached = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(pipe(to_child));
	MUST(pipe(to_executed));
	MUST(pipe(to_feeder));
	pthread_t t;
	for (int i = 0; i < 20; i++) {
		*reached = 0;
		if (how[0] != 'a') pthread_create(&t, 0, feed, &to_feeder[0]);
		// The second is vfork on a copy of the memory.
		pid_t pid = MUST(i % 2 ? vfork() : syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
		if (pid == 0) {
			if (how[0] != 'a') {
				MUST(write(to_feeder[1], "", 1));
				MUST(read(to_child[0], &c, 1));
			}
			*reached = 1;
			if (how[0] == 'k') kill(getpid(), SIGKILL);
			if (!strcmp(how, "exec")) {
				MUST(dup2(to_executed[0], 0));
				execl(self, self, "executed", (char *)0);
			}
			_exit(5);
		}
		if (!*reached) puts("has not waited");
		int status = 0;
		if (!strcmp(how, "exec")) {
			if (waitpid(pid, &status, WNOHANG) != 0) puts("the program has ended already");
			MUST(write(to_executed[1], "", 1));
		}
		MUST(waitpid(pid, &status, 0));
		printf("status %#x\n", status);
		if (how[0] != 'a') pthread_join(t, 0);
	}
	return 0;
}
