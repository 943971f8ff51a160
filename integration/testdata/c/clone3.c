// needs: fork signals
// clone3 with and without CLONE_CLEAR_SIGHAND: what the child's signals do.
#include "common.h"
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static void handle(int sig) { printf("handler of %d\n", sig); }

static void show_action(int sig)
{
	struct sigaction act;
	MUST(sigaction(sig, 0, &act));
	printf("signal %d: %s, flags %#x, mask of SIGHUP %d\n", sig,
		act.sa_handler == SIG_DFL ? "default" : act.sa_handler == SIG_IGN ? "ignored" : "caught",
		act.sa_flags & (SA_RESTART | SA_NODEFER | SA_NOCLDSTOP), sigismember(&act.sa_mask, SIGHUP));
}

static void child(int raised)
{
	// A bad pointer is an error, and no signal.
	SHOW(writev(1, (struct iovec *)0x7000000, 1));
	int sigs[] = {SIGUSR1, SIGUSR2, SIGSEGV, SIGILL, SIGCHLD, SIGTERM};
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) show_action(sigs[i]);
	fflush(stdout);
	if (raised) kill(getpid(), raised); // raise may know the parent's id only
	_exit(3);
}

int main(void)
{
	setvbuf(stdout, 0, _IONBF, 0);
	struct sigaction act = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_NODEFER};
	sigaddset(&act.sa_mask, SIGHUP);
	MUST(sigaction(SIGUSR1, &act, 0));
	MUST(sigaction(SIGSEGV, &act, 0));
	MUST(sigaction(SIGILL, &act, 0));
	act.sa_handler = SIG_IGN;
	MUST(sigaction(SIGUSR2, &act, 0));
	uint64_t flags[] = {0, CLONE_CLEAR_SIGHAND, CLONE_CLEAR_SIGHAND | CLONE_SIGHAND,
		CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM};
	int raised[] = {0, SIGUSR1, SIGUSR2, SIGILL, SIGSEGV};
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 5; k++) {
			struct clone3_args args = {.flags = flags[i], .exit_signal = SIGCHLD};
			errno = 0;
			pid_t pid = syscall(SYS_clone3, &args, sizeof args);
			if (pid == 0) child(raised[k]);
			int error = errno, status;
			if (pid > 0 && MUST(waitpid(pid, &status, 0))) printf("status %#x\n", status);
			printf("clone3 %d: %s\n", i, errno_name(error));
		}
	}
	return 0;
}
