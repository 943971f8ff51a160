// Processes under load: killed at any moment, at the limit of processes, by the thousand.
// needs: fork exec
// args: kill
// args: killexec
// args: leak
// root: limit
// root: user
// root: bomb
#include "common.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { user = 54322 }; // one without processes of its own

static char self[PATH_MAX];

static int files(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir)) n++;
	closedir(dir);
	return n;
}

static long resident(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss; // in KiB
}

// breed forks and, if told to, executes, until it is killed.
static void breed(int depth, int exec)
{
	for (;;) {
		pid_t pid = fork();
		if (pid == 0) {
			if (exec && depth == 2) execl(self, "x", "nothing", (char *)0);
			if (depth < 2) breed(depth + 1, exec);
			_exit(0);
		}
		if (pid > 0 && depth > 0) waitpid(pid, 0, 0);
		else if (pid > 0) while (waitpid(-1, 0, WNOHANG) > 0) ;
	}
}

// hammer kills a family of processes again and again, at random moments.
static void hammer(int rounds, int exec)
{
	unsigned seed = 1;
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (int i = 0; i < rounds; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) {
			setpgid(0, 0);
			breed(0, exec);
		}
		setpgid(pid, pid);
		struct timespec t = {0, (rand_r(&seed) % 8000) * 1000};
		nanosleep(&t, 0);
		// A child that was born meanwhile may be missed by one signal.
		while (kill(-pid, SIGKILL) == 0)
			while (waitpid(-1, 0, WNOHANG) > 0) ;
		while (waitpid(-1, 0, 0) > 0) ;
	}
	SHOW(wait(0));
	pid_t pid = MUST(fork());
	if (pid == 0) _exit(5);
	int status;
	MUST(waitpid(pid, &status, 0));
	printf("still works: %d\n", WEXITSTATUS(status));
}

static void limit_processes(int n)
{
	struct rlimit limit = {n, 1000};
	MUST(setrlimit(RLIMIT_NPROC, &limit));
}

static void at_limit(void)
{
	pid_t pids[20];
	int n = 0, failed = 0;
	uid_t alone = 200000 + getpid(); // one that no other test counts processes of
	MUST(setgid(alone));
	MUST(setuid(alone));
	limit_processes(10);
	for (int i = 0; i < 20; i++) {
		pids[n] = fork();
		if (pids[n] == 0) for (;;) pause();
		if (pids[n] > 0) n++;
		else {
			if (!failed++) printf("%s\n", errno_name(errno));
		}
	}
	printf("%d children, %d failures\n", n, failed);
	for (int i = 0; i < n; i++) {
		MUST(kill(pids[i], SIGKILL));
		MUST(waitpid(pids[i], 0, 0));
	}
	limit_processes(1000);
	for (int i = 0; i < 30; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) _exit(0);
		MUST(waitpid(pid, 0, 0));
	}
	fflush(stdout);
	limit_processes(2);
	pid_t pid = MUST(fork());
	if (pid == 0) {
		printf("in the child: %d %s\n", fork(), errno_name(errno));
		fflush(stdout);
		_exit(0);
	}
	MUST(waitpid(pid, 0, 0));
	SHOW(fork() >= 0 ? (wait(0), 0) : -1);
}

static void leak(void)
{
	void *first = 0;
	int before = 0;
	long memory = 0;
	for (int i = 0; i < 3000; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) _exit(0);
		MUST(waitpid(pid, 0, 0));
		if (i == 500) {
			before = files();
			memory = resident();
			first = malloc(10000);
		}
	}
	void *second = malloc(10000);
	printf("descriptors: %+d\n", files() - before);
	printf("memory grew: %d\n", resident() - memory > 200);
	printf("heap grew: %d\n", (char *)second - (char *)first > 100000);
	for (int i = 0; i < 100; i++) {
		pid_t pid = MUST(fork());
		if (pid == 0) {
			execl(self, "x", "nothing", (char *)0);
			_exit(1);
		}
		int status;
		MUST(waitpid(pid, &status, 0));
		if (status) printf("%x\n", status);
	}
	for (int i = 0; i < 2000; i++) execl("/nonexistent", "x", (char *)0);
	int text = MUST(open("text", O_CREAT | O_WRONLY, 0700));
	MUST(write(text, "text", 4));
	close(text);
	for (int i = 0; i < 2000; i++) execl("text", "x", (char *)0);
	printf("descriptors: %+d\n", files() - before);
	printf("memory grew: %d\n", resident() - memory > 1000);
}

static void other_user(void)
{
	MUST(setgid(user));
	MUST(setuid(user));
	SHOW(geteuid() == user);
	fflush(stdout);
	int status;
	pid_t pid = MUST(fork());
	if (pid == 0) {
		execl(self, "x", "whoami", (char *)0);
		printf("%s\n", errno_name(errno));
		_exit(1);
	}
	MUST(waitpid(pid, &status, 0));
	SHOW(WEXITSTATUS(status));
	SHOW(execl("/etc/shadow", "x", (char *)0));
	SHOW(open("/etc/shadow", O_RDONLY));
}

// A fork bomb at the limit of processes.
static void bomb(void)
{
	enum { limit = 60 };
	int full[2];
	char c;
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	MUST(pipe(full));
	uid_t alone = 100000 + getpid(); // one that no other test counts processes of
	pid_t pid = MUST(fork());
	if (pid == 0) {
		setpgid(0, 0);
		MUST(setgid(alone));
		MUST(setuid(alone));
		limit_processes(limit);
		for (;;) if (fork() < 0) if (write(full[1], "x", 1)) {}
	}
	setpgid(pid, pid);
	close(full[1]);
	MUST(read(full[0], &c, 1));
	int killed = 0;
	while (kill(-pid, SIGKILL) == 0) while (waitpid(-1, 0, WNOHANG) > 0) killed++;
	while (waitpid(-1, 0, 0) > 0) killed++;
	// A fork that is about to fail counts against the others, so that some may
	// have failed before the limit was reached.
	printf("killed between %d and %d: %d\n", limit / 2, limit, killed >= limit / 2 && killed <= limit);
	SHOW(kill(-pid, 0));
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (!strcmp(name, "nothing")) return 0;
	if (!strcmp(name, "whoami")) {
		printf("user %d\n", (int)getuid() == user);
		return 6;
	}
	MUST(readlink("/proc/self/exe", self, sizeof self - 1));
	if (!strcmp(name, "kill")) hammer(100, 0);
	else if (!strcmp(name, "killexec")) hammer(100, 1);
	else if (!strcmp(name, "limit")) at_limit();
	else if (!strcmp(name, "leak")) leak();
	else if (!strcmp(name, "user")) other_user();
	else if (!strcmp(name, "bomb")) bomb();
	else return 2;
	return 0;
}
