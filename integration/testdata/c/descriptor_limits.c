// args: plain
// args: after-fork
// args: threads
// args: lowered
// flags: -pthread
// needs: fork exec threads
/* Descriptors from 1024 on, as numbers that the program chooses. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int file;

static void show(const char *what, int r)
{
	printf("%s: %d %d\n", what, r, r < 0 ? errno : 0);
}

static void limits(void)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	printf("limits %lld %lld\n", (long long)r.rlim_cur, (long long)r.rlim_max);
}

static void choose(void)
{
	show("duplicate onto 1030", dup2(file, 1030));
	show("at least 1024", fcntl(file, F_DUPFD, 1024));
	show("again", fcntl(file, F_DUPFD_CLOEXEC, 1024));
	show("dup3", dup3(file, 1039, O_CLOEXEC));
	show("of nothing", dup2(1033, 1034));
	show("onto itself", dup2(1030, 1030));
	show("nothing onto itself", dup2(1035, 1035));
	show("flags", fcntl(1039, F_GETFD));
	char c = 0;
	show("read", pread(1030, &c, 1, 0));
	struct pollfd p = { .fd = 1030, .events = POLLIN };
	show("poll", poll(&p, 1, 0));
	show("close", close(1030));
	show("close again", close(1030));
	show("far", dup2(file, 1500));
}

static pthread_barrier_t all;

static void *run(void *unused)
{
	pthread_barrier_wait(&all);
	for (int i = 0; i < 200; i++) {
		int fd = fcntl(file, F_DUPFD, 100);
		char c;
		if (pread(fd, &c, 1, 0) != 1) printf("read failed\n");
		if (dup2(fd, 1024 + i % 16) < 0) printf("dup2 failed %d\n", errno);
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, 0, _IONBF, 0);
	const char *kind = argv[1];
	if (!strcmp(kind, "executed")) {
		limits();
		show("inherited", fcntl(1500, F_GETFD));
		show("not inherited", fcntl(1039, F_GETFD));
		file = 1500;
		choose();
		return 0;
	}
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max < 4000 ? r.rlim_max : 4000;
	setrlimit(RLIMIT_NOFILE, &r);
	limits();
	file = open("file", O_RDWR | O_CREAT, 0600);
	if (write(file, "x", 1) != 1) return 1;
	if (!strcmp(kind, "lowered")) {
		r.rlim_cur = 1030;
		setrlimit(RLIMIT_NOFILE, &r);
		show("above the limit", dup2(file, 1030));
		show("at least the limit", fcntl(file, F_DUPFD, 1030));
		show("below", dup2(file, 1029));
		r.rlim_cur = 1500;
		setrlimit(RLIMIT_NOFILE, &r);
		show("above", dup2(file, 1030));
		limits();
		return 0;
	}
	if (!strcmp(kind, "threads")) {
		pthread_t t[4];
		pthread_barrier_init(&all, 0, 4);
		for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, run, 0);
		for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
		for (int i = 1024; i < 1040; i++) close(i);
	}
	pid_t child = 0;
	if (strcmp(kind, "after-fork") || !(child = fork())) {
		choose();
		limits();
		if (!fork()) {
			execl("/proc/self/exe", argv[0], "executed", (char *)0);
			_exit(1);
		}
		int status;
		wait(&status);
		show("child", status);
		/* All of them, as a program does that becomes a daemon. */
		syscall(SYS_close_range, 3, ~0U, 0);
		file = open("file", O_RDWR);
		show("open", file);
		if (!fork()) {
			choose();
			_exit(0);
		}
		wait(&status);
		show("child", status);
	}
	if (child) {
		int status;
		waitpid(child, &status, 0);
		show("child", status);
		choose();
	}
	return 0;
}
