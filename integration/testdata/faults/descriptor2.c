// descriptor2 WHO: crashes, itself or a child, with a file of its own as descriptor 2.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static void crash(void)
{
	close(2);
	if (open("data", O_RDWR | O_CREAT | O_TRUNC, 0600) != 2) _exit(9);
	(void)!write(2, "mine\n", 5);
	*(volatile int *)16 = 1;
}

int main(int argc, char **argv)
{
	char *who = argc > 1 ? argv[1] : "self";
	if (!strcmp(who, "self")) {
		fprintf(stderr, "before\n");
		crash();
	}
	pid_t p = fork();
	if (!p) {
		if (!strcmp(who, "exec")) {
			close(2);
			if (open("other", O_RDWR | O_CREAT | O_TRUNC, 0600) != 2) _exit(9);
			execl("/proc/self/exe", argv[0], "self", (char *)0);
			_exit(8);
		}
		crash();
	}
	int status;
	waitpid(p, &status, 0);
	printf("signal %d\n", WTERMSIG(status));
	return 0;
}
