// What a guest reaches by the descriptors that its helper keeps for itself, by every
// call that takes a path and in every way to spell one. It prints what it reaches, and
// then "walked N ways". With an argument it first executes itself, from a child.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { first = 1024, count = 16 };
static long ways;
static int home;

static void reached(const char *call, const char *path) { printf("%s(%s) works\n", call, path); }

// try reports a call that has not failed.
#define try(call, path, ...) do { ways++; if ((__VA_ARGS__) >= 0) { reached(call, path); } } while (0)

// tryfd is try for a call that gives a descriptor.
static void tryfd(const char *call, const char *path, int fd) {
	ways++;
	if (fd < 0) return;
	reached(call, path);
	close(fd);
}

static void walk(int dir, const char *path) {
	char below[300], up[300], buffer[300];
	struct stat st;
	struct statfs fs;
	snprintf(below, sizeof below, "%s/.", path);
	snprintf(up, sizeof up, "%s/..", path);
	// As a directory, in which nothing of the helper's is one.
	tryfd("open directory", path, openat(dir, path, O_RDONLY | O_DIRECTORY));
	tryfd("open path", path, openat(dir, path, O_PATH | O_DIRECTORY));
	tryfd("open below", below, openat(dir, below, O_RDONLY));
	tryfd("open up", up, openat(dir, up, O_RDONLY));
	tryfd("open root", path, openat(dir, path, O_TMPFILE | O_RDWR, 0600));
	try("fstatat below", below, fstatat(dir, below, &st, 0));
	try("fstatat up", up, fstatat(dir, up, &st, 0));
	try("readlink below", up, readlinkat(dir, up, buffer, sizeof buffer));
	try("mkdirat", below, mkdirat(dir, strcat(strcpy(buffer, path), "/made"), 0700));
	try("unlinkat", below, unlinkat(dir, strcat(strcpy(buffer, path), "/made"), AT_REMOVEDIR));
	// As a file that could be written to.
	tryfd("open for writing", path, openat(dir, path, O_WRONLY));
	tryfd("open to change", path, openat(dir, path, O_RDWR));
	tryfd("open and truncate", path, openat(dir, path, O_WRONLY | O_TRUNC));
	tryfd("open or make", path, openat(dir, path, O_RDWR | O_CREAT, 0600));
	if (dir != AT_FDCWD) return;
	if (!chdir(path)) reached("chdir", path);
	if (!chdir(up)) reached("chdir", up);
	fchdir(home);
	try("truncate", path, truncate(path, 0));
	try("chmod", path, chmod(path, 0777));
	try("chown", path, chown(path, getuid(), -1));
	try("utimensat", path, utimensat(AT_FDCWD, path, 0, 0));
	try("setxattr", path, setxattr(path, "user.walk", "x", 1, 0));
	try("trusted xattr", path, setxattr(path, "trusted.walk", "x", 1, 0));
	try("link", path, linkat(AT_FDCWD, path, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW));
	try("statfs", below, statfs(below, &fs));
	try("chroot", path, chroot(path));
	try("mount over", path, mount("none", path, "tmpfs", 0, ""));
	try("bind", path, mount(path, ".", 0, MS_BIND, ""));
	ways += 2;
}

static void number(int fd) {
	char path[100], link[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	walk(AT_FDCWD, path);
	// The same where nobody could tell by its name: a link.
	snprintf(link, sizeof link, "link%d", fd);
	if (!symlink(path, link)) {
		walk(AT_FDCWD, link);
		unlink(link);
	}
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	walk(AT_FDCWD, path);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
	walk(AT_FDCWD, path);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getppid(), fd);
	walk(AT_FDCWD, path);
	snprintf(path, sizeof path, "/proc/self/task/%d/fd/%d", getpid(), fd);
	walk(AT_FDCWD, path);
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	walk(AT_FDCWD, path);
	int proc = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof path, "%d", fd);
	if (proc >= 0) walk(proc, path);
	walk(fd, ".");
	walk(fd, "..");
	close(proc);
	// By the number itself.
	if (!fchdir(fd)) reached("fchdir", path);
	fchdir(home);
	struct stat st;
	char byte;
	try("fstat", path, fstat(fd, &st));
	try("dup", path, dup(fd));
	try("read", path, pread(fd, &byte, 1, 0));
	try("write", path, write(fd, "x", 1));
	try("fcntl", path, fcntl(fd, F_GETFD));
	try("getdents", path, syscall(SYS_getdents64, fd, &byte, 1));
	char *none[] = {"walk", 0};
	try("execveat", path, (int)syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH));
}

int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IONBF, 0);
	home = open(".", O_RDONLY | O_DIRECTORY);
	int child = argc > 1 ? fork() : 0;
	if (child) {
		int status;
		waitpid(child, &status, 0);
		return status != 0;
	}
	if (argc > 1) {
		execl(argv[1], "walk", (char *)0);
		perror(argv[1]);
		return 1;
	}
	for (int fd = first; fd < first + count; fd++) number(fd);
	printf("walked %ld ways\n", ways);
	return 0;
}
