// execve(2): what the new program gets, errors, scripts. The program executes itself; the
// harness gives its name as argv[0], which for the guest is a module.
// needs: fork exec
// args: arguments
// args: inherit
// args: errors
// args: scripts
// args: at
// args: strings
// args: spawn
// args: limits
#include "common.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[PATH_MAX];

// wait_for prints how a child ended.
static void wait_for(pid_t pid)
{
	int status;
	MUST(waitpid(pid, &status, 0));
	if (WIFEXITED(status)) printf("-> exit %d\n", WEXITSTATUS(status));
	else printf("-> signal %d\n", WTERMSIG(status));
	fflush(stdout);
}

// RUN evaluates an expression, which should execute something, in a child.
#define RUN(expr) ({ \
	fflush(stdout); \
	pid_t run_pid = MUST(fork()); \
	if (run_pid == 0) { SHOW(expr); fflush(stdout); _exit(1); } \
	wait_for(run_pid); })

static void make_file(const char *name, const char *text, size_t size, int mode)
{
	unlink(name);
	int fd = MUST(open(name, O_WRONLY | O_CREAT, 0600));
	MUST(write(fd, text, size));
	MUST(close(fd));
	MUST(chmod(name, mode));
}

static void make_script(const char *name, const char *text) { make_file(name, text, strlen(text), 0755); }

// show is what the executed program does.
static int show(int argc, char **argv)
{
	printf("argc %d:", argc);
	for (int i = 0; i < argc; i++) printf(" [%s]", strcmp(argv[i], self) ? argv[i] : "SELF");
	printf("\n");
	for (char **e = environ; *e; e++) if (!strncmp(*e, "SHOW_", 5)) printf("%s\n", *e);
	return 0;
}

static void test_arguments(void)
{
	char *args[] = {"zero", "show", "", "two words", "a\nb", "\xc3\xa4\xff", 0};
	char *env[] = {"SHOW_A=1", "SHOW_EMPTY=", "SHOW_NEWLINE=a\nb", "SHOW_NOTHING", 0};
	char *none[] = {0};
	RUN(execve(self, args, env));
	RUN(execve(self, (char *[]){"", "show", 0}, none));
	RUN(execve(self, (char *[]){"show", 0}, none));
	putenv("SHOW_B=inherited");
	RUN(execl(self, "x", "show", "more", (char *)0));
	symlink(self, "link");
	RUN(execl("link", "by link", "show", (char *)0));
	RUN(execl("./link", "by link", "show", (char *)0));
	char path[PATH_MAX + 100];
	snprintf(path, sizeof path, "/nonexistent:%s:/usr/bin", getcwd((char[PATH_MAX]){0}, PATH_MAX));
	setenv("PATH", path, 1);
	RUN(execlp("link", "by PATH", "show", (char *)0));
	RUN(execl("/proc/self/exe", "proc", "show", (char *)0));
	unlink("link");
}

static int inherited(void)
{
	sigset_t set;
	struct sigaction act;
	struct itimerval timer;
	char dir[PATH_MAX], name[17] = {0};
	struct rlimit limit;

	printf("pid kept %d\n", getpid() == atoi(getenv("PID")));
	for (int fd = 3; fd < 20; fd++) printf("%d", fcntl(fd, F_GETFD) >= 0);
	printf("\n");
	printf("offset %ld\n", (long)lseek(5, 0, SEEK_CUR));
	sigprocmask(SIG_BLOCK, 0, &set);
	printf("blocked:");
	for (int s = 1; s < 32; s++) if (sigismember(&set, s)) printf(" %d", s);
	sigpending(&set);
	printf("\npending:");
	for (int s = 1; s < 32; s++) if (sigismember(&set, s)) printf(" %d", s);
	printf("\nignored:");
	for (int s = 1; s < 32; s++) if (s != SIGKILL && s != SIGSTOP && sigaction(s, 0, &act) == 0 && act.sa_handler == SIG_IGN) printf(" %d", s);
	printf("\nhandled:");
	for (int s = 1; s < 32; s++) if (s != SIGKILL && s != SIGSTOP && sigaction(s, 0, &act) == 0 && act.sa_handler != SIG_IGN && act.sa_handler != SIG_DFL) printf(" %d", s);
	printf("\n");
	MUST(getitimer(ITIMER_REAL, &timer));
	printf("timer %d\n", timer.it_value.tv_sec > 900);
	printf("umask %o, cwd %s\n", umask(0), strrchr(getcwd(dir, sizeof dir), '/'));
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	printf("files %lld %lld\n", (long long)limit.rlim_cur, (long long)limit.rlim_max);
	MUST(getrlimit(RLIMIT_STACK, &limit));
	printf("stack %lld\n", (long long)limit.rlim_cur);
	MUST(getrlimit(RLIMIT_CORE, &limit));
	printf("core %lld\n", (long long)limit.rlim_cur);
	prctl(PR_GET_NAME, name);
	printf("name %s, nice %d\n", name, getpriority(PRIO_PROCESS, 0));
	return 33;
}

static void handler(int sig) { (void)sig; }

static void test_inherit(void)
{
	pid_t pid = MUST(fork());
	if (pid == 0) {
		sigset_t set;
		char number[20];
		struct rlimit files = {300, 500}, stack = {4 << 20, RLIM_INFINITY}, core = {0, 0};
		mkdir("sub", 0700);
		chdir("sub");
		umask(027);
		int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
		MUST(write(fd, "0123456789", 10));
		MUST(lseek(fd, 4, SEEK_SET));
		MUST(dup2(fd, 5));
		MUST(dup2(fd, 17));
		MUST(dup3(fd, 7, O_CLOEXEC));
		MUST(fcntl(fd, F_DUPFD_CLOEXEC, 10));
		signal(SIGUSR1, handler);
		signal(SIGUSR2, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		signal(SIGSEGV, SIG_IGN);
		signal(SIGBUS, handler);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGFPE);
		MUST(sigprocmask(SIG_BLOCK, &set, 0));
		raise(SIGHUP);
		alarm(1000);
		MUST(setrlimit(RLIMIT_NOFILE, &files));
		MUST(setrlimit(RLIMIT_STACK, &stack));
		MUST(setrlimit(RLIMIT_CORE, &core));
		setpriority(PRIO_PROCESS, 0, 3);
		prctl(PR_SET_NAME, "before");
		snprintf(number, sizeof number, "%d", getpid());
		setenv("PID", number, 1);
		MUST(symlink(self, "a-very-long-program-name"));
		execl("a-very-long-program-name", "x", "inherited", (char *)0);
		_exit(1);
	}
	wait_for(pid);
	unlink("sub/a-very-long-program-name");
}

static char *const args[] = {"zero", "show", 0};

static void test_errors(void)
{
	char *env[] = {0};
	char long_name[5000];

	SHOW(execve("/nonexistent", args, env));
	SHOW(execve("", args, env));
	SHOW(execve("/", args, env));
	SHOW(execve("/etc/passwd/x", args, env));
	SHOW(execve(".", args, env));
	SHOW(execve("/dev/null", args, env));
	memset(long_name, 'x', sizeof long_name);
	long_name[4999] = 0;
	SHOW(execve(long_name, args, env));
	long_name[300] = 0;
	SHOW(execve(long_name, args, env));
	SHOW(execve((char *)8, args, env));
	SHOW(execve(self, (char **)8, env));
	SHOW(execve(self, args, (char **)8));
	SHOW(execve(self, (char *[]){"x", (char *)8, 0}, env));
	SHOW(execve(self, args, (char *[]){(char *)8, 0}));
	make_file("plain", "#include\n", 9, 0644);
	SHOW(execve("plain", args, env)); // not executable
	make_file("text", "hello\n", 6, 0755);
	SHOW(execve("text", args, env));
	make_file("empty", "", 0, 0755);
	SHOW(execve("empty", args, env));
	make_file("wasm", "\0asm\1\0\0\0garbage", 15, 0755);
	SHOW(execve("wasm", args, env)); // what it says on the other side: also no program
	make_file("wasm", "\0asm", 4, 0755);
	SHOW(execve("wasm", args, env));
	make_file("elf", "\177NOT", 4, 0755);
	SHOW(execve("elf", args, env));
	MUST(mkfifo("fifo", 0777));
	SHOW(execve("fifo", args, env));
	symlink("loop", "loop");
	SHOW(execve("loop", args, env));
	symlink("/nonexistent", "dangling");
	SHOW(execve("dangling", args, env));
	int fd = MUST(open("busy", O_WRONLY | O_CREAT, 0755));
	SHOW(execve("busy", args, env));
	close(fd);
	SHOW(execve("busy", args, env));
	mkdir("dir", 0700);
	make_script("dir/script", "#!/nonexistent\n");
	SHOW(execve("dir/script", args, env));
	SHOW(execve("dir/", args, env));
	SHOW(execve("text/", args, env));
}

static void test_scripts(void)
{
	char *env[] = {"SHOW_E=1", 0};
	char text[PATH_MAX + 300];

	MUST(symlink(self, "s")); // short enough for a #! line
#define SCRIPT(line) ({ make_script("script", line); RUN(execve("script", args, env)); })
	SCRIPT("#!s show\n");
	SCRIPT("#!./s show\n");
	SCRIPT("#! \t s \t show \t\nrest");
	SCRIPT("#!s show one two  three \n");
	SCRIPT("#!s");
	SCRIPT("#!s show");
	SCRIPT("#!s show\r\n");
	SCRIPT("#!");
	SCRIPT("#!\n");
	SCRIPT("#! \n");
	SCRIPT("#!/nonexistent\n");
	SCRIPT("#!/\n");
	SCRIPT("#!text\n");
	SCRIPT("#! show\n");
	SCRIPT(" #!s show\n");
	SCRIPT("\n#!s show\n");
	SCRIPT("#!s\0x show\n");
	SCRIPT("#!script\n"); // itself
	memset(text, ' ', sizeof text);
	memcpy(text, "#!s show", 8);
	text[299] = 0;
	SCRIPT(text); // blanks up to the end of what is looked at
	memset(text + 2, 'x', 297);
	SCRIPT(text);
	memset(text, 'x', sizeof text);
	memcpy(text, "#!s show ", 9);
	text[299] = 0;
	SCRIPT(text);
	make_script("0", "#!s show\n");
	for (int i = 0; i < 6; i++) {
		char name[2] = {'1' + i, 0};
		snprintf(text, sizeof text, "#!%d arg%d\n", i, i);
		make_script(name, text);
		RUN(execve(name, args, env));
	}
	make_script("nox", "#!s show\n");
	chmod("nox", 0644);
	RUN(execve("nox", args, env));
	make_script("interp", "hello");
	SCRIPT("#!interp\n");
	RUN(execve("script", (char *[]){0}, env)); // no argv[0] to replace
	setenv("PATH", ".:/bin", 1);
	make_script("script", "#!s show\n");
	RUN(execlp("script", "x", "y", (char *)0));
	unlink("s");
}

static int at(int fd, const char *path, int flags)
{
	char *env[] = {0};
	return syscall(SYS_execveat, fd, path, args, env, flags);
}

static void test_at(void)
{
	char *env[] = {0};
	mkdir("d", 0700);
	MUST(symlink(self, "d/link"));
	make_script("d/script", "#!d/link show\n");
	int dir = MUST(open("d", O_DIRECTORY));
	int dir_cloexec = MUST(open("d", O_DIRECTORY | O_CLOEXEC));
	int program = MUST(open(self, O_RDONLY));
	int program_cloexec = MUST(open(self, O_RDONLY | O_CLOEXEC));
	int program_path = MUST(open(self, O_PATH));
	int script = MUST(open("d/script", O_RDONLY));
	int script_cloexec = MUST(open("d/script", O_RDONLY | O_CLOEXEC));
#define AT(fd, path, flags) RUN(at(fd, path, flags))
	int cwd = AT_FDCWD;
	AT(cwd, "d/link", 0);
	AT(cwd, "d/link", AT_SYMLINK_NOFOLLOW);
	AT(dir, "link", 0);
	AT(dir, "script", 0);
	AT(dir_cloexec, "link", 0);
	AT(dir_cloexec, "script", 0);
	AT(dir, self, 0);
	AT(program, "", AT_EMPTY_PATH);
	AT(program, "", 0);
	AT(program, "x", 0);
	AT(program_cloexec, "", AT_EMPTY_PATH);
	AT(program_path, "", AT_EMPTY_PATH);
	AT(script, "", AT_EMPTY_PATH);
	AT(script_cloexec, "", AT_EMPTY_PATH);
	AT(dir, "", AT_EMPTY_PATH);
	AT(999, "", AT_EMPTY_PATH);
	AT(999, "link", 0);
	AT(999, self, 0);
	AT(program, "", 0x40000000);
	RUN(fexecve(program, args, env));
	// A program without a name.
	int memory = MUST(memfd_create("program", 0));
	char buffer[65536];
	for (ssize_t n; (n = MUST(read(program, buffer, sizeof buffer))) > 0;) MUST(write(memory, buffer, n));
	close(program);
	RUN(fexecve(memory, args, env)); // open for writing
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", memory);
	int again = MUST(open(name, O_RDONLY));
	close(memory);
	RUN(fexecve(again, args, env));
	unlink("d/link");
}

// count is what the executed program does to be short.
static int count(int argc, char **argv)
{
	size_t size = 0;
	int n = 0;
	for (char **e = environ; *e; e++) n++, size += strlen(*e);
	for (int i = 0; i < argc; i++) size += strlen(argv[i]);
	printf("%d arguments, %d variables, %zu bytes\n", argc, n, size);
	return 0;
}

static void test_strings(void)
{
	enum { many = 20000 };
	static char *list[many + 3];
	static char big[200000];
	char *env[] = {0};

	memset(big, 'x', sizeof big - 1);
	list[0] = "x", list[1] = "count";
	for (int i = 2; i < many; i++) list[i] = "argument";
	RUN(execve(self, list, env));
	RUN(execve(self, (char *[]){"x", "count", 0}, list));
	big[131071] = 0; // MAX_ARG_STRLEN includes the NUL
	RUN(execve(self, (char *[]){"x", "count", big, big + 1, 0}, (char *[]){big, 0}));
	big[131071] = 'x';
	RUN(execve(self, (char *[]){"x", "count", big, 0}, env));
	big[131071] = 0;
	for (int i = 2; i < many; i++) list[i] = big;
	RUN(execve(self, list, env));
	for (int i = 2; i < 40; i++) list[i] = big;
	list[40] = 0;
	RUN(execve(self, list, env)); // more than the limit for all strings
	// Unterminated strings and arrays at the end of what is mapped.
	char *edge = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(munmap(edge + 4096, 4096));
	memset(edge, 'x', 4096);
	RUN(execve(edge + 4000, args, env));
	RUN(execve(self, (char *[]){"x", edge + 4000, 0}, env));
	RUN(execve(self, args, (char *[]){edge + 4095, 0}));
	char **array = (char **)(edge + 4096) - 2;
	array[0] = "x", array[1] = "count";
	RUN(execve(self, array, env));
	array[1] = 0;
	RUN(execve(self, array, env));
}

static void spawned(const char *what, int e)
{
	printf("%s: %s\n", what, errno_name(e));
	fflush(stdout);
}

static void test_spawn(void)
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	char *env[] = {"SHOW_X=1", 0};
	int e;

	e = posix_spawn(&pid, "/nonexistent", 0, 0, args, env);
	spawned("spawn", e);
	e = posix_spawn(&pid, self, 0, 0, args, env);
	wait_for(pid);
	spawned("spawn", e);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawnattr_init(&attr);
	sigfillset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	e = posix_spawn(&pid, self, &actions, &attr, args, env);
	wait_for(pid);
	spawned("spawn", e);
	char text[200] = {0};
	int fd = MUST(open("out", O_RDONLY));
	MUST(read(fd, text, sizeof text - 1));
	printf("out: %s", text);
	posix_spawn_file_actions_addclose(&actions, 777);
	posix_spawn_file_actions_addopen(&actions, 9, "/nonexistent/x", O_RDONLY, 0);
	e = posix_spawn(&pid, self, &actions, &attr, args, env);
	spawned("spawn", e);
	symlink(self, "named");
	setenv("PATH", ".", 1);
	e = posix_spawnp(&pid, "named", 0, 0, args, env);
	wait_for(pid);
	spawned("spawnp", e);
	pid = vfork();
	if (pid == 0) {
		execve(self, args, env);
		_exit(1);
	}
	wait_for(pid);
	pid = vfork();
	if (pid == 0) _exit(21);
	wait_for(pid);
	unlink("named");
}

static void test_limits(void)
{
	struct rlimit limit;
	// Few free descriptors.
	pid_t pid = MUST(fork());
	if (pid == 0) {
		MUST(getrlimit(RLIMIT_NOFILE, &limit));
		limit.rlim_cur = 20;
		MUST(setrlimit(RLIMIT_NOFILE, &limit));
		while (dup(0) >= 0) ;
		close(10);
		close(11);
		execve(self, args, environ);
		printf("%s\n", errno_name(errno));
		fflush(stdout);
		_exit(1);
	}
	wait_for(pid);
	// All closed.
	pid = MUST(fork());
	if (pid == 0) {
		for (int i = 0; i < 5000; i++) close(i);
		execve(self, (char *[]){"x", "status", 0}, environ);
		_exit(1);
	}
	wait_for(pid);
	pid = MUST(fork());
	if (pid == 0) {
		syscall(SYS_close_range, 0, ~0u, 0);
		execve(self, (char *[]){"x", "status", 0}, environ);
		_exit(1);
	}
	wait_for(pid);
	// Something else everywhere.
	pid = MUST(fork());
	if (pid == 0) {
		for (int i = 3; i < 5000; i++) dup2(0, i);
		for (int i = 3; i < 5000; i++) fcntl(i, F_SETFD, FD_CLOEXEC);
		pid = fork();
		if (pid == 0) execve(self, (char *[]){"x", "status", 0}, environ);
		int status;
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status) + 1);
	}
	wait_for(pid);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (!strcmp(name, "inherited")) return inherited();
	if (!strcmp(name, "status")) return 44;
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 98;
	if (!strncmp(name, "show", 4) || (argc > 0 && !strcmp(argv[0], "show"))) return show(argc, argv);
	if (!strcmp(name, "count")) return count(argc, argv);
	if (!strcmp(name, "arguments")) test_arguments();
	else if (!strcmp(name, "inherit")) test_inherit();
	else if (!strcmp(name, "errors")) test_errors();
	else if (!strcmp(name, "scripts")) test_scripts();
	else if (!strcmp(name, "at")) test_at();
	else if (!strcmp(name, "strings")) test_strings();
	else if (!strcmp(name, "spawn")) test_spawn();
	else if (!strcmp(name, "limits")) test_limits();
	else return show(argc, argv);
	return 0;
}
