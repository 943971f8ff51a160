// A native program in the place of walisup-helper, to test what walisup hands
// to a helper and how it treats it. argv[0] is the module, argv[1] what to do.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void must(int ok, const char *what)
{
	if (ok) return;
	perror(what);
	exit(99);
}

static int first_reserved(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int n = -1;
	must(sscanf(path, "/proc/self/fd/%d", &n) == 1, path);
	return n;
}

// report prints what the kernel knows of this process.
static int report(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) printf("arg %s\n", argv[i]);
	for (char **e = environ; *e; e++) printf("env %s\n", *e);
	char cwd[4096];
	must(getcwd(cwd, sizeof cwd) != NULL, "getcwd");
	printf("cwd %s\n", cwd);
	printf("first %d\n", first_reserved());
	DIR *dir = opendir("/proc/self/fd");
	must(dir != NULL, "/proc/self/fd");
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(dir)) printf("fd %s\n", e->d_name);
	struct rlimit limit;
	must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	printf("nofile %llu\n", (unsigned long long)limit.rlim_cur);
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("usr1 %s\n", sigismember(&set, SIGUSR1) ? "blocked" : "open");
	printf("group %s\n", getpgrp() == getpgid(getppid()) ? "shared" : "own");
	return 0;
}

// boot copies the boot record to standard output.
static int boot(void)
{
	char record[65536];
	ssize_t n = read(first_reserved() + 1, record, sizeof record);
	must(n > 0, "boot record");
	must(write(1, record, n) == n, "write");
	return 0;
}

static volatile sig_atomic_t over;

static void got(int sig)
{
	char line[32];
	int n = snprintf(line, sizeof line, "got %d\n", sig);
	if (write(1, line, n) != n) _exit(98);
	if (sig == SIGTERM) over = 1;
}

static void catch_all(void)
{
	struct sigaction action = { .sa_handler = got };
	sigfillset(&action.sa_mask);
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGTSTP && sig != 32 && sig != 33 && sig != SIGCHLD)
			sigaction(sig, &action, NULL);
}

static void unblock_all(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

// signals tells of every signal until SIGTERM.
static int signals(void)
{
	catch_all();
	must(write(1, "ready\n", 6) == 6, "write");
	sigset_t set;
	sigemptyset(&set);
	while (!over) sigsuspend(&set);
	return 0;
}

// bound_life ends this process in a few minutes whatever it does: an aborted
// test must leave nothing behind.
static void bound_life(void)
{
	struct sigevent end = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec when = { .it_value.tv_sec = 180 };
	timer_t timer;
	must(timer_create(CLOCK_MONOTONIC, &end, &timer) == 0, "timer_create");
	must(timer_settime(timer, 0, &when, NULL) == 0, "timer_settime");
}

int main(int argc, char **argv)
{
	bound_life();
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "report")) return report(argc, argv);
	if (!strcmp(what, "boot")) return boot();
	if (!strcmp(what, "exit")) return atoi(argv[2]);
	if (!strcmp(what, "signals")) return signals();
	if (!strcmp(what, "die")) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		unblock_all();
		raise(atoi(argv[2]));
		return 97;
	}
	if (!strcmp(what, "stop")) { // stop, then tell that it goes on
		unblock_all();
		raise(atoi(argv[2]));
		must(write(1, "continued\n", 10) == 10, "write");
		return 0;
	}
	if (!strcmp(what, "group")) { // signal the whole process group, then as signals
		catch_all();
		kill(0, SIGUSR1);
		return signals();
	}
	if (!strcmp(what, "echo")) { // copy input to output
		char c;
		must(write(1, "ready\n", 6) == 6, "write");
		while (read(0, &c, 1) == 1) must(write(1, &c, 1) == 1, "write");
		return 0;
	}
	fprintf(stderr, "standin: do not know how to %s\n", what);
	return 99;
}
