// native WHAT PROGRAM [ARGUMENT...]: executes a program with signals blocked and ignored.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void handler(int sig) { (void)sig; }

int main(int argc, char **argv)
{
	if (argc < 3) return 2;
	if (!strcmp(argv[1], "signals")) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGFPE);
		sigaddset(&set, SIGHUP);
		sigaddset(&set, SIGTRAP);
		sigprocmask(SIG_SETMASK, &set, 0);
		signal(SIGSEGV, SIG_IGN);
		signal(SIGTRAP, SIG_IGN);
		signal(SIGUSR1, SIG_IGN);
		signal(SIGUSR2, handler);
		signal(SIGBUS, handler);
		raise(SIGHUP);
	} else if (!strcmp(argv[1], "limits")) {
		struct rlimit files = {100, 200}, stack = {4 << 20, 16 << 20};
		setrlimit(RLIMIT_NOFILE, &files);
		setrlimit(RLIMIT_STACK, &stack);
	} else if (!strcmp(argv[1], "files")) {
		for (int i = 0; i < 5; i++) fcntl(0, F_DUPFD, 10 + i);
		fcntl(0, F_DUPFD_CLOEXEC, 30);
	}
	execv(argv[2], argv + 2);
	printf("errno %d\n", errno);
	return 1;
}
