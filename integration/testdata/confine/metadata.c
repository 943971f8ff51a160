// metadata WRITE READ SECONDS: threads put links to what may only be read in the place of a
// file and a directory that may be written, and files in the place of descriptors, while others
// change what the paths and numbers lead to. What is below READ must not change.
// flags: -pthread
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { changers = 4, swappers = 4, number = 50 };

static char file[256], folder[256], below[300], spare[256], target[256], target_folder[256];
static int over;
static long changed, refused;

static int running(void) { return !__atomic_load_n(&over, __ATOMIC_SEQ_CST); }

static void *swap_file(void *unused)
{
	char link[300], own[300];
	snprintf(link, sizeof link, "%s.link", file);
	snprintf(own, sizeof own, "%s.own", file);
	while (running()) {
		int fd = open(own, O_RDWR | O_CREAT, 0400);
		if (fd >= 0) close(fd);
		rename(own, file);
		if (!symlink(target, link)) rename(link, file);
	}
	return unused;
}

static void *swap_folder(void *unused)
{
	while (running()) {
		rename(folder, spare);
		if (!symlink(target_folder, folder)) unlink(folder);
		rename(spare, folder);
	}
	return unused;
}

// Moves a descriptor out of the range where calls put theirs.
static int aside(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, number + 1);
	close(fd);
	return r;
}

// Replaces descriptors that calls have just opened.
static void *swap_descriptors(void *unused)
{
	int first = open(target, O_RDONLY | O_CLOEXEC), fds[2] = { aside(first), aside(open(target, O_PATH)) };
	while (running())
		for (int fd = first; fd < first + 10; fd++)
			if (fcntl(fd, F_GETFD) >= 0) dup3(fds[fd & 1], fd, O_CLOEXEC);
	return unused;
}

// Has a number lead to a file of either kind, opened for reading.
static void *swap_numbers(void *unused)
{
	int fds[2] = { aside(open(below, O_RDONLY)), aside(open(target, O_RDONLY)) };
	while (running())
		for (int i = 0; i < 2; i++) dup3(fds[i], number, O_CLOEXEC);
	return unused;
}

static void count(int r) { __atomic_fetch_add(r ? &refused : &changed, 1, __ATOMIC_SEQ_CST); }

static void *change(void *unused)
{
	const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	while (running()) {
		count(chmod(file, 0777));
		count(chmod(below, 0777));
		count(chmod(folder, 0777));
		count(fchmodat(AT_FDCWD, file, 0707, 0));
		count(utimensat(AT_FDCWD, file, times, 0));
		count(utimensat(AT_FDCWD, folder, times, 0));
		count(setxattr(file, "user.mark", "x", 1, 0));
		count(chown(below, getuid(), getgid()));
		count(fchmod(number, 0777));
		count(futimens(number, times));
		count(fsetxattr(number, "user.mark", "x", 1, 0));
	}
	return unused;
}

int main(int argc, char **argv)
{
	if (argc < 4) return 2;
	snprintf(file, sizeof file, "%s/swapped", argv[1]);
	snprintf(folder, sizeof folder, "%s/folder", argv[1]);
	snprintf(spare, sizeof spare, "%s/spare", argv[1]);
	snprintf(below, sizeof below, "%s/file", folder);
	snprintf(target, sizeof target, "%s/file", argv[2]);
	snprintf(target_folder, sizeof target_folder, "%s/below", argv[2]);
	if (mkdir(folder, 0700)) return 3;
	int fd = open(below, O_RDWR | O_CREAT, 0400);
	if (fd < 0 || close(fd)) return 3;
	// What is opened for reading can be changed where it may be written.
	fd = open(below, O_RDONLY);
	if (fd < 0 || fchmod(fd, 0600) || fchown(fd, getuid(), getgid()) || futimens(fd, 0) || close(fd)) return 5;
	fd = open(folder, O_RDONLY);
	if (fd < 0 || fchmod(fd, 0700) || futimens(fd, 0) || close(fd)) return 6;
	for (int i = 0; i < 2; i++) {
		fd = open(i ? target_folder : target, O_RDONLY);
		if (fd < 0 || !fchmod(fd, 0777) || errno != EPERM || !fchown(fd, getuid(), getgid()) || errno != EPERM ||
			!futimens(fd, 0) || errno != EPERM || !fsetxattr(fd, "user.mark", "x", 1, 0) || errno != EPERM ||
			!fremovexattr(fd, "user.mark") || errno != EPERM || close(fd)) return 7;
	}
	pthread_t t[swappers + changers];
	void *(*swap[swappers])(void *) = { swap_file, swap_folder, swap_descriptors, swap_numbers };
	for (int i = 0; i < swappers + changers; i++)
		if (pthread_create(&t[i], 0, i < swappers ? swap[i] : change, 0)) return 4;
	struct timespec end = { atof(argv[3]), 1e9 * (atof(argv[3]) - (long)atof(argv[3])) };
	do { // at least one of each
		nanosleep(&end, 0);
		end = (struct timespec){ 0, 1000000 };
	} while (!__atomic_load_n(&changed, __ATOMIC_SEQ_CST) || !__atomic_load_n(&refused, __ATOMIC_SEQ_CST));
	__atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < swappers + changers; i++) pthread_join(t[i], 0);
	printf("%ld changed, %ld refused\n", changed, refused);
	return 0;
}
