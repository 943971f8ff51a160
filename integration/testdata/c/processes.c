// needs: fork exec
// Processes: fork, wait, exec, spawn, system, popen, sessions, what is shared and what is not.
#include "common.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int global = 1;

static void report(int status)
{
	if (WIFEXITED(status)) printf("exited %d\n", WEXITSTATUS(status));
	else if (WIFSIGNALED(status)) printf("killed by %d\n", WTERMSIG(status));
	else if (WIFSTOPPED(status)) printf("stopped by %d\n", WSTOPSIG(status));
	else printf("status %x\n", status);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	printf("statuses: %d %d %d\n", W_EXITCODE(3, 9), W_STOPCODE(19), WIFSTOPPED(W_STOPCODE(19)));
	if (argc > 1 && !strcmp(argv[1], "child")) {
		printf("child: %d arguments, %s, %s\n", argc, argv[argc - 1], getenv("MARK") ? getenv("MARK") : "no MARK");
		return 12;
	}
	int status, p[2];
	pid_t self = getpid(), pid;
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = MUST(open("shared-offset", O_RDWR | O_CREAT, 0600));
	MUST(write(fd, "0123456789", 10));
	lseek(fd, 0, SEEK_SET);
	MUST(pipe(p));
	fflush(stdout);

	pid = MUST(fork());
	if (pid == 0) {
		char buf[4];
		global = 2;
		*shared = *private = 3;
		int ok = getppid() == self && getpid() != self;
		MUST(read(fd, buf, 4));
		MUST(write(p[1], "from the child", 14));
		_exit(ok ? 40 : 41);
	}
	SHOW(waitpid(pid, &status, 0) == pid);
	report(status);
	printf("global %d shared %d private %d offset %d\n", global, *shared, *private, (int)lseek(fd, 0, SEEK_CUR));
	char text[100] = "";
	SHOW(read(p[0], text, 100));
	printf("%s\n", text);
	SHOW(waitpid(-1, &status, 0));
	SHOW(wait4(-1, &status, WNOHANG, 0));

	fflush(stdout);
	if ((pid = fork()) == 0) { raise(SIGKILL); _exit(1); }
	waitpid(pid, &status, 0);
	report(status);
	if ((pid = fork()) == 0) { abort(); }
	waitpid(pid, &status, 0);
	report(status);
	if ((pid = fork()) == 0) { *(volatile int *)4 = 1; _exit(1); }
	waitpid(pid, &status, 0);
	report(status);
	if ((pid = fork()) == 0) { raise(SIGSTOP); _exit(9); }
	SHOW(waitpid(pid, &status, WUNTRACED) == pid);
	report(status);
	kill(pid, SIGCONT);
	siginfo_t si = { 0 };
	SHOW(waitid(P_PID, pid, &si, WEXITED));
	printf("%d %d %d\n", si.si_code == CLD_EXITED, si.si_status, si.si_pid == pid);
	fflush(stdout);

	/* Ten generations, each waiting for the next. */
	int depth = 0;
	while (depth < 10 && (pid = fork()) == 0) depth++;
	if (depth < 10) {
		waitpid(pid, &status, 0);
		if (depth > 0) _exit(WEXITSTATUS(status) + 1);
		report(status);
	} else {
		_exit(0);
	}

	/* Many at once. */
	pid_t many[50];
	int sum = 0;
	for (int i = 0; i < 50; i++) if ((many[i] = fork()) == 0) _exit(i);
	for (int i = 0; i < 50; i++) { waitpid(many[i], &status, 0); sum += WEXITSTATUS(status); }
	printf("fifty children: %d\n", sum);
	fflush(stdout);

	if ((pid = vfork()) == 0) _exit(21);
	waitpid(pid, &status, 0);
	report(status);
	if ((pid = fork()) == 0) {
		setsid();
		_exit(getsid(0) == getpid() && getpgrp() == getpid() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	report(status);
	if ((pid = fork()) == 0) {
		chdir("/");
		umask(077);
		close(p[0]);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("still here %d, umask %o, pipe open %d\n", access("shared-offset", F_OK) == 0, umask(022), fcntl(p[0], F_GETFD) == 0);
	struct rusage ru;
	SHOW(getrusage(RUSAGE_CHILDREN, &ru));

	/* Other programs: this one itself, found through /proc/self/exe or argv[0]. */
	char *const args[] = { argv[0], "child", "last", 0 };
	fflush(stdout);
	if ((pid = fork()) == 0) {
		setenv("MARK", "set by the parent", 1);
		execv(argv[0], args);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	report(status);
	SHOW(posix_spawn(&pid, argv[0], 0, 0, args, (char *[]){ "MARK=spawned", 0 }));
	waitpid(pid, &status, 0);
	report(status);
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "spawned-output", O_WRONLY | O_CREAT, 0600);
	SHOW(posix_spawn(&pid, argv[0], &fa, 0, args, environ));
	waitpid(pid, &status, 0);
	FILE *f = fopen("spawned-output", "r");
	printf("%s", fgets(text, sizeof text, f));
	fclose(f);
	printf("%s\n", errno_name(posix_spawn(&pid, "/does/not/exist", 0, 0, args, environ)));
	SHOW(execv("/does/not/exist", args));
	SHOW(execv("/", args));
	SHOW(execv("shared-offset", args));
	printf("parent goes on\n");
	return 0;
}
