// fork(2), wait(2) and what parent and child share.
// needs: fork
// args: status
// args: wait
// args: files
// args: memory
// args: process
// args: depth
// args: many
// args: stdio
// args: timers
// args: group
#include "common.h"
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// child runs a function in a child and returns its wait status.
static int child(void (*f)(void))
{
	fflush(stdout);
	pid_t pid = MUST(fork());
	if (pid == 0) {
		f();
		fflush(stdout);
		_exit(0);
	}
	int status;
	MUST(waitpid(pid, &status, 0));
	return status;
}

static void show_status(const char *what, int status)
{
	if (WIFEXITED(status)) printf("%s: exit %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
	else printf("%s: %x\n", what, status);
}

static void exit7(void) { exit(7); }
static void exit300(void) { exit(300); }
static void by_abort(void) { abort(); }
static void by_kill(void) { kill(getpid(), SIGKILL); }
static void by_term(void) { raise(SIGTERM); }
static void by_null(void) { *(volatile int *)0 = 1; }
static void nothing(void) { }

static void test_status(void)
{
	show_status("nothing", child(nothing));
	show_status("exit 7", child(exit7));
	show_status("exit 300", child(exit300));
	show_status("abort", child(by_abort) & ~0x80);
	show_status("kill", child(by_kill));
	show_status("term", child(by_term));
	show_status("null", child(by_null) & ~0x80);
}

static void test_wait(void)
{
	int status = 0;
	siginfo_t info;
	struct rusage usage;

	SHOW(wait(&status));
	SHOW(waitpid(getpid(), &status, 0));
	SHOW(waitpid(-1, &status, 0x40000000));
	SHOW(waitid(P_ALL, 0, &info, 0));
	int gate[2];
	MUST(pipe(gate));
	pid_t pid = MUST(fork());
	if (pid == 0) {
		char c;
		close(gate[1]);
		_exit(read(gate[0], &c, 1) + 9);
	}
	close(gate[0]);
	SHOW(waitpid(pid, &status, WNOHANG));
	memset(&info, 1, sizeof info);
	SHOW(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
	printf("nobody: %d\n", info.si_pid);
	close(gate[1]);
	SHOW(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	printf("%d %d %d %d\n", info.si_signo, info.si_code == CLD_EXITED, info.si_pid == pid, info.si_status);
	SHOW(kill(pid, 0)); // a zombie is still there
	memset(&usage, 0xff, sizeof usage);
	SHOW(wait4(pid, &status, 0, &usage) == pid);
	show_status("waited", status);
	printf("usage written: %d\n", usage.ru_utime.tv_usec >= 0 && usage.ru_utime.tv_usec < 1000000 && usage.ru_maxrss > 0);
	SHOW(kill(pid, 0));
	SHOW(waitpid(pid, &status, 0));

	pid = MUST(fork());
	if (pid == 0) for (;;) pause();
	MUST(kill(pid, SIGSTOP));
	MUST(waitpid(pid, &status, WUNTRACED));
	printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
	MUST(kill(pid, SIGCONT));
	MUST(waitpid(pid, &status, WCONTINUED));
	printf("continued %d\n", WIFCONTINUED(status));
	MUST(kill(pid, SIGTERM));
	MUST(waitpid(pid, &status, 0));
	show_status("terminated", status);
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("children used something: %d\n", usage.ru_minflt > 0);

	signal(SIGCHLD, SIG_IGN);
	pid = MUST(fork());
	if (pid == 0) _exit(3);
	SHOW(waitpid(pid, &status, 0)); // ignored children vanish
}

static int fd;

static void use_files(void)
{
	char b[4] = {0};
	MUST(read(fd, b, 3));
	printf("child reads %s\n", b);
	MUST(fcntl(fd, F_SETFD, FD_CLOEXEC));
	MUST(fcntl(fd, F_SETFL, O_APPEND));
	MUST(close(5));
	MUST(dup2(fd, 7));
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	SHOW(fcntl(fd, F_SETLK, &lock)); // the parent's, not inherited
	SHOW(lseek(fd, 6, SEEK_SET));
}

static void test_files(void)
{
	char b[4] = {0};
	fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
	MUST(write(fd, "0123456789", 10));
	MUST(lseek(fd, 0, SEEK_SET));
	MUST(dup2(fd, 5));
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	SHOW(fcntl(fd, F_SETLK, &lock));
	show_status("child", child(use_files));
	SHOW(lseek(fd, 0, SEEK_CUR)); // offsets are shared
	MUST(read(fd, b, 3));
	printf("parent reads %s\n", b);
	SHOW(fcntl(fd, F_GETFD)); // flags of the descriptor are not
	SHOW(!!(fcntl(fd, F_GETFL) & O_APPEND)); // those of the file are
	SHOW(fcntl(5, F_GETFD));
	SHOW(fcntl(7, F_GETFD));
}

static int *shared, *private;
static volatile int global = 1;
static char *heap;

static void use_memory(void)
{
	printf("child sees %d %d %d %s\n", *shared, *private, global, heap);
	*shared = 20, *private = 20, global = 20;
	strcpy(heap, "child");
	free(heap);
	for (int i = 0; i < 1000; i++) memset(malloc(1000), i, 1000);
	MUST(munmap(private, 4096));
	MUST(mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 0 : -1);
}

static void test_memory(void)
{
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	heap = malloc(100);
	*shared = *private = 10;
	strcpy(heap, "parent");
	show_status("child", child(use_memory));
	printf("parent sees %d %d %d %s\n", *shared, *private, global, heap);
	// A counter that 4 children and this process add to.
	*shared = 0;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			for (int j = 0; j < 1000; j++) __atomic_fetch_add(shared, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	while (wait(0) > 0) ;
	printf("counted %d\n", *shared);
}

static pid_t parent;

static void use_process(void)
{
	char dir[4096];
	printf("pids: %d %d %d\n", getpid() != parent, getppid() == parent, getpgrp() == getpgid(parent));
	printf("sid %d\n", getsid(0) == getsid(parent));
	MUST(chdir("/tmp"));
	umask(077);
	MUST(setenv("FORKED", "child", 1));
	MUST(setpriority(PRIO_PROCESS, 0, 5));
	struct rlimit limit = {10, 20};
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	MUST(prctl(PR_SET_NAME, "renamed"));
	MUST(setpgid(0, 0));
	printf("own group %d\n", getpgrp() == getpid());
	printf("umask %o cwd %s\n", umask(0), getcwd(dir, sizeof dir));
}

static void test_process(void)
{
	char name[16] = {0};
	struct rlimit before, after;
	parent = getpid();
	umask(022);
	MUST(mkdir("sub", 0755));
	MUST(chdir("sub"));
	MUST(prctl(PR_SET_NAME, "parent"));
	MUST(getrlimit(RLIMIT_NOFILE, &before));
	show_status("child", child(use_process));
	MUST(getrlimit(RLIMIT_NOFILE, &after));
	char dir[4096];
	const char *last = strrchr(getcwd(dir, sizeof dir), '/');
	MUST(prctl(PR_GET_NAME, name));
	printf("umask %o cwd %s env %s nice %d limit %d name %s\n", umask(0), last, getenv("FORKED") ? "set" : "unset",
	       getpriority(PRIO_PROCESS, 0), before.rlim_cur == after.rlim_cur, name);

	// Orphans go to the nearest subreaper.
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	int answer[2];
	MUST(pipe(answer));
	pid_t middle = MUST(fork());
	if (middle == 0) {
		if (fork() == 0) { // the daemon
			setsid();
			while (getppid() != parent) usleep(1000);
			dprintf(answer[1], "orphan");
			_exit(11);
		}
		_exit(0);
	}
	int status;
	char text[10] = {0};
	MUST(waitpid(middle, &status, 0));
	MUST(read(answer[0], text, 6));
	printf("%s\n", text);
	pid_t orphan = MUST(wait(&status));
	printf("reaped another: %d\n", orphan != middle);
	show_status("orphan", status);
}

static void descend(int depth)
{
	static int local;
	local++;
	if (depth == 12) {
		printf("depth %d, local %d\n", depth, local);
		return;
	}
	fflush(stdout);
	pid_t pid = MUST(fork());
	if (pid == 0) {
		descend(depth + 1);
		fflush(stdout);
		_exit(depth);
	}
	int status;
	MUST(waitpid(pid, &status, 0));
	if (WEXITSTATUS(status) != depth) printf("depth %d: %d\n", depth, WEXITSTATUS(status));
}

static void test_many(void)
{
	enum { children = 200 };
	int gate[2], sum = 0, n = 0, status;
	MUST(pipe(gate));
	for (int i = 0; i < children; i++)
		if (MUST(fork()) == 0) { // all live at once
			char c;
			close(gate[1]);
			MUST(read(gate[0], &c, 1));
			_exit(i & 127);
		}
	close(gate[0]);
	close(gate[1]);
	while (wait(&status) > 0) {
		sum += WEXITSTATUS(status);
		n++;
	}
	printf("%d children, sum %d\n", n, sum);
	for (int i = 0; i < 1000; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) _exit(i & 127);
		MUST(waitpid(pid, &status, 0));
		if (WEXITSTATUS(status) != (i & 127)) printf("%d: %d\n", i, WEXITSTATUS(status));
	}
	SHOW(wait(0));
	SHOW(dup(0)); // no descriptor was lost
}

static void test_stdio(void)
{
	printf("buffered ");
	pid_t pid = MUST(fork()); // the buffer is copied
	if (pid == 0) {
		printf("child\n");
		exit(0);
	}
	MUST(waitpid(pid, 0, 0));
	printf("parent\n");
}

static void alarmed(int sig) { (void)sig; }

static void use_timers(void)
{
	struct itimerval left;
	sigset_t set;
	MUST(getitimer(ITIMER_REAL, &left));
	printf("timer in child: %d\n", left.it_value.tv_sec != 0);
	MUST(sigpending(&set));
	printf("pending in child: %d\n", sigismember(&set, SIGUSR1));
	MUST(sigprocmask(SIG_BLOCK, 0, &set));
	printf("blocked in child: %d\n", sigismember(&set, SIGUSR1));
	struct sigaction act;
	MUST(sigaction(SIGALRM, 0, &act));
	printf("handler in child: %d\n", act.sa_handler == alarmed);
	SHOW(alarm(0));
}

static void test_timers(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, 0));
	signal(SIGALRM, alarmed);
	raise(SIGUSR1);
	alarm(1000);
	show_status("child", child(use_timers));
	MUST(sigpending(&set));
	printf("pending in parent: %d\n", sigismember(&set, SIGUSR1));
	printf("timer in parent: %d\n", alarm(0) > 900);
}

static void test_group(void)
{
	int status, gate[2];
	char c;
	pid_t pids[3];
	MUST(pipe(gate));
	for (int i = 0; i < 3; i++) {
		pids[i] = MUST(fork());
		if (pids[i] == 0) {
			MUST(setpgid(0, i ? pids[0] : 0));
			MUST(write(gate[1], "x", 1));
			for (;;) pause();
		}
		MUST(read(gate[0], &c, 1));
	}
	for (int i = 0; i < 3; i++) printf("%d", getpgid(pids[i]) == pids[0]);
	printf("\n");
	SHOW(setpgid(pids[1], getpid()));
	SHOW(setpgid(pids[2], 999999));
	SHOW(kill(-pids[0], SIGUSR1));
	for (int i = 0; i < 3; i++) {
		MUST(waitpid(pids[i], &status, 0));
		show_status("member", status);
	}
	SHOW(kill(-pids[0], 0));
	fflush(stdout);
	pid_t pid = MUST(fork());
	if (pid == 0) {
		SHOW(setsid() == getpid());
		SHOW(setsid());
		SHOW(getpgrp() == getpid());
		fflush(stdout);
		_exit(0);
	}
	MUST(waitpid(pid, 0, 0));
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (!strcmp(name, "status")) test_status();
	else if (!strcmp(name, "wait")) test_wait();
	else if (!strcmp(name, "files")) test_files();
	else if (!strcmp(name, "memory")) test_memory();
	else if (!strcmp(name, "process")) test_process();
	else if (!strcmp(name, "depth")) descend(0);
	else if (!strcmp(name, "many")) test_many();
	else if (!strcmp(name, "stdio")) test_stdio();
	else if (!strcmp(name, "timers")) test_timers();
	else if (!strcmp(name, "group")) test_group();
	else return 2;
	return 0;
}
