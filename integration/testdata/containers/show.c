// show prints what a container has given it, so that a module and a native program can be
// compared. Its first argument says what else it does.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t ended;
static void end(int sig) { ended = sig; }

static void identity(int argc, char **argv)
{
	char dir[4096];
	printf("args");
	for (int i = 0; i < argc; i++) printf(" [%s]", argv[i]);
	printf("\ncwd %s uid %d gid %d pid %d\n", getcwd(dir, sizeof dir), getuid(), getgid(), getpid());
	for (char **e = environ; *e; e++)
		if (!strncmp(*e, "SHOWN", 5)) printf("%s\n", *e);
	char line[256] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY);
	int n = read(fd, line, sizeof line - 1);
	close(fd);
	for (int i = 0; i < n; i++) if (!line[i]) line[i] = ' ';
	printf("cmdline %s\n", line);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("files %lld %lld\n", (long long)limit.rlim_cur, (long long)limit.rlim_max);
	printf("tty %d %d %d\n", isatty(0), isatty(1), isatty(2));
	for (fd = 3; fd < 64; fd++) if (fcntl(fd, F_GETFD) >= 0) printf("descriptor %d\n", fd);
	printf("write %s\n", open("/created", O_CREAT | O_WRONLY, 0600) < 0 ? strerror(errno) : "ok");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, 0, _IOLBF, 0);
	identity(argc, argv);
	if (!strcmp(what, "exit")) return atoi(argv[2]);
	if (!strcmp(what, "raise")) { fflush(stdout); raise(atoi(argv[2])); }
	if (!strcmp(what, "wait")) {
		signal(SIGTERM, end);
		signal(SIGQUIT, end);
		printf("ready\n");
		while (!ended) pause();
		printf("ended by %d\n", ended);
		return 3;
	}
	if (!strcmp(what, "children")) {
		for (int i = 0; i < 3; i++) {
			pid_t pid = fork();
			int status;
			if (!pid) _exit(i);
			waitpid(pid, &status, 0);
			printf("child %d ended with %d\n", i, WEXITSTATUS(status));
		}
		fflush(stdout);
		execl(argv[0], argv[0], "exit", "5", (char *)0);
		return 126;
	}
	if (!strcmp(what, "memory")) {
		size_t size = (size_t)atoi(argv[2]) << 20;
		char *p = malloc(size);
		memset(p, 1, size);
		printf("had %zu\n", size);
	}
	return 0;
}
