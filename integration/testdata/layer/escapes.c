/* Tries to write to a directory that the layer readonly.wasm keeps from it, and to use one
 * that it may use.
 *
 * arguments: escape OUTSIDE INSIDE | use INSIDE | again VICTIM
 *
 * An attempt prints its name and "escaped" if the call succeeds. OUTSIDE has a file "victim",
 * and an empty directory "dir" for each of them, by its number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>
#include <linux/openat2.h>

static const char *outside, *inside, *self;
static char victim[4096], dir[4096], name[4096], mine[4096];

static const char *below(const char *top, const char *rest)
{
	static char text[8][4096];
	static int next;
	char *p = text[next++ % 8];
	snprintf(p, sizeof text[0], "%s/%s", top, rest);
	return p;
}

static const char *numbered(const char *prefix, int fd)
{
	static char text[64];
	snprintf(text, sizeof text, "%s/%d", prefix, fd);
	return text;
}

/* Writes by a descriptor that should not be there. Returns 0 if that works. */
static int by(int fd)
{
	if (fd < 0) return -1;
	int r = write(fd, "escaped", 7) == 7 ? 0 : -1;
	close(fd);
	return r;
}

static int reading(void)
{
	int fd = open(victim, O_RDONLY);
	if (fd < 0) abort();
	return fd;
}

static int open_wronly(void) { return by(open(victim, O_WRONLY)); }
static int open_rdwr(void) { return by(open(victim, O_RDWR)); }
static int open_append(void) { return by(open(victim, O_WRONLY | O_APPEND)); }
static int open_truncating(void) { return open(victim, O_RDONLY | O_TRUNC) < 0 ? -1 : 0; }
static int open_creating(void) { return by(open(name, O_CREAT | O_WRONLY, 0666)); }
static int open_creating_to_read(void) { return open(name, O_CREAT | O_RDONLY, 0666) < 0 ? -1 : 0; }
static int open_exclusively(void) { return by(open(name, O_CREAT | O_EXCL | O_WRONLY, 0666)); }
static int call_creat(void) { return by(creat(name, 0666)); }
static int open_both_bits(void)
{
	/* Access mode 3 is for ioctl, and needs both permissions. */
	return open(victim, 3) < 0 ? -1 : 0;
}
static int call_openat2(void)
{
	struct open_how how = { .flags = O_RDWR };
	return by(syscall(SYS_openat2, AT_FDCWD, victim, &how, sizeof how));
}
static int open_from_descriptor(void)
{
	int top = open(outside, O_PATH | O_DIRECTORY);
	return by(openat(top, strrchr(victim, '/') + 1, O_WRONLY)) ? by(openat(top, below(".", victim + strlen(outside) + 1), O_WRONLY)) : 0;
}
static int open_up(void)
{
	char path[4096 * 2] = "";
	snprintf(path, sizeof path, "%s/", inside);
	for (int i = 0; i < 40; i++) strcat(path, "../");
	strcat(path, victim + 1);
	return by(open(path, O_WRONLY));
}
static int open_by_number(void) { return by(open(numbered("/proc/self/fd", reading()), O_WRONLY)); }
static int open_by_thread_number(void) { return by(open(numbered("/proc/thread-self/fd", reading()), O_RDWR)); }
static int open_by_path_number(void) { return by(open(numbered("/dev/fd", open(victim, O_PATH)), O_RDWR)); }
static int open_by_root(void) { return by(open(below("/proc/self/root", victim + 1), O_WRONLY)); }
static int open_temporary(void) { return by(open(dir, O_TMPFILE | O_RDWR, 0600)); }
static int open_by_handle(void)
{
	struct file_handle *h = calloc(1, sizeof *h + 128);
	int mount;
	h->handle_bytes = 128;
	if (name_to_handle_at(AT_FDCWD, victim, h, &mount, 0)) return -1;
	return by(open_by_handle_at(open(outside, O_RDONLY), h, O_RDWR));
}
static int symbolic_link(void)
{
	symlink(victim, mine);
	return by(open(mine, O_WRONLY));
}
static int symbolic_link_relative(void)
{
	char target[4096] = "";
	for (int i = 0; i < 40; i++) strcat(target, "../");
	strcat(target, victim + 1);
	symlink(target, mine);
	return by(open(mine, O_WRONLY | O_TRUNC));
}
static int symbolic_link_dangling(void)
{
	symlink(name, mine);
	return by(open(mine, O_WRONLY | O_CREAT, 0666));
}
static int symbolic_link_to_directory(void)
{
	symlink(dir, mine);
	return by(open(below(mine, "new"), O_WRONLY | O_CREAT, 0666));
}
static int symbolic_link_chmod(void)
{
	symlink(victim, mine);
	return chmod(mine, 0777);
}
static int hard_link(void) { return link(victim, mine) ? -1 : by(open(mine, O_WRONLY)); }
static int hard_link_by_number(void)
{
	return linkat(AT_FDCWD, numbered("/proc/self/fd", reading()), AT_FDCWD, mine, AT_SYMLINK_FOLLOW) ? -1 : by(open(mine, O_WRONLY));
}
static int hard_link_by_descriptor(void)
{
	return linkat(reading(), "", AT_FDCWD, mine, AT_EMPTY_PATH) ? -1 : by(open(mine, O_WRONLY));
}
static int hard_link_to_outside(void)
{
	by(open(mine, O_CREAT | O_WRONLY, 0666));
	return link(mine, name);
}
static int map_shared(void)
{
	int fd = reading();
	char *p = mmap(0, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		p = mmap(0, 4, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED || mprotect(p, 4, PROT_READ | PROT_WRITE)) return -1;
	}
	p[0] = 'e';
	return 0;
}
static int map_written(void)
{
	char *p = mmap(0, 4, PROT_READ | PROT_WRITE, MAP_SHARED, open(victim, O_RDWR), 0);
	return p == MAP_FAILED ? -1 : (p[0] = 'e', 0);
}
static int truncate_path(void) { return truncate(victim, 0); }
static int truncate_descriptor(void) { return ftruncate(open(victim, O_WRONLY), 0); }
static int allocate(void) { return fallocate(open(victim, O_WRONLY), 0, 0, 100); }
static int rename_within(void) { return rename(victim, name); }
static int rename_inwards(void) { return rename(victim, mine); }
static int rename_outwards(void)
{
	by(open(mine, O_CREAT | O_WRONLY, 0666));
	return rename(mine, name);
}
static int rename_exchanging(void)
{
	by(open(mine, O_CREAT | O_WRONLY, 0666));
	return syscall(SYS_renameat2, AT_FDCWD, mine, AT_FDCWD, victim, 2);
}
static int unlink_file(void) { return unlink(victim); }
static int unlink_from_descriptor(void) { return unlinkat(open(outside, O_PATH), victim + strlen(outside) + 1, 0); }
static int remove_directory(void) { return rmdir(dir); }
static int make_directory(void) { return mkdir(name, 0777); }
static int make_directory_from_inside(void)
{
	symlink(dir, mine);
	return mkdir(below(mine, "new"), 0777);
}
static int make_symlink(void) { return symlink("x", name); }
static int make_fifo(void) { return mkfifo(name, 0666); }
static int make_node(void) { return mknod(mine, S_IFBLK | 0600, 7 << 8) ? -1 : 0; }
static int make_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strncpy(a.sun_path, name, sizeof a.sun_path - 1);
	return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a);
}
static int change_mode(void) { return chmod(victim, 0777); }
static int change_mode_of_descriptor(void) { return fchmod(reading(), 0777); }
static int change_mode_by_number(void) { return chmod(numbered("/proc/self/fd", reading()), 0777); }
static int change_mode_2(void) { return syscall(SYS_fchmodat, AT_FDCWD, victim, 0777, 0); }
static int change_owner(void) { return chown(victim, getuid(), getgid()); }
static int change_owner_of_descriptor(void) { return fchown(reading(), getuid(), getgid()); }
static int change_owner_by_empty_path(void) { return fchownat(reading(), "", getuid(), getgid(), AT_EMPTY_PATH); }
static int set_time(void)
{
	struct utimbuf t = { 1, 1 };
	return utime(victim, &t);
}
static int set_time_of_descriptor(void) { return futimens(reading(), 0); }
static int set_time_of_link(void) { return utimensat(AT_FDCWD, victim, 0, AT_SYMLINK_NOFOLLOW); }
static int set_attribute(void) { return setxattr(victim, "user.escaped", "1", 1, 0); }
static int set_attribute_of_descriptor(void) { return fsetxattr(reading(), "user.escaped", "1", 1, 0); }
static int set_flags(void)
{
	long flags = 0;
	int fd = reading();
	if (ioctl(fd, 0x80086601, &flags)) return -1;
	return ioctl(fd, 0x40086602, &flags);
}
static int copy_range(void)
{
	int from = open(self, O_RDONLY);
	return copy_file_range(from, 0, open(victim, O_WRONLY), 0, 10, 0) > 0 ? 0 : -1;
}
static int send_file(void) { return sendfile(open(victim, O_WRONLY), open(self, O_RDONLY), 0, 10) > 0 ? 0 : -1; }
static int splice_pipe(void)
{
	int p[2];
	if (pipe(p) || write(p[1], "escaped", 7) != 7) return -1;
	return splice(p[0], 0, open(victim, O_WRONLY), 0, 7, 0) > 0 ? 0 : -1;
}
static int mount_over(void)
{
	int r = mount(dir, dir, 0, MS_BIND, 0);
	if (!r) umount(dir);
	return r;
}
static int change_root(void)
{
	if (!fork()) {
		if (chroot(outside)) _exit(1);
		_exit(by(open(victim + strlen(outside), O_WRONLY)) ? 1 : 0);
	}
	int status;
	wait(&status);
	return status ? -1 : 0;
}
static int namespaces(void)
{
	if (!fork()) {
		if (unshare(CLONE_NEWNS | (getuid() ? CLONE_NEWUSER : 0))) _exit(1);
		mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
		if (mount(dir, inside, 0, MS_BIND, 0)) _exit(1);
		_exit(by(open(below(inside, "new"), O_CREAT | O_WRONLY, 0666)) ? 1 : 0);
	}
	int status;
	wait(&status);
	return status ? -1 : 0;
}
static int in_child(void)
{
	pid_t p = fork();
	if (!p) _exit(open_wronly() ? 1 : 0);
	int status;
	waitpid(p, &status, 0);
	return status ? -1 : 0;
}
static int executed(void)
{
	pid_t p = fork();
	if (!p) {
		execl(self, self, "again", victim, (char *)0);
		_exit(1);
	}
	int status;
	waitpid(p, &status, 0);
	return status ? -1 : 0;
}
/* The directories are opened again, with few descriptors, another directory and other limits. */
static int executed_elsewhere(void)
{
	pid_t p = fork();
	if (!p) {
		struct rlimit r = { 64, 64 };
		if (chdir(outside)) _exit(1);
		setrlimit(RLIMIT_NOFILE, &r);
		for (int fd = open(outside, O_RDONLY); fd >= 0 && fd < 60; fd = dup(fd));
		freopen("/dev/null", "w", stderr);
		execl(self, self, "again", victim, (char *)0);
		_exit(1);
	}
	int status;
	waitpid(p, &status, 0);
	return status ? -1 : 0;
}
static int native_program(void)
{
	pid_t p = fork();
	if (!p) {
		execl("/bin/sh", "sh", "-c", "echo escaped >\"$1\"", "sh", victim, (char *)0);
		_exit(1);
	}
	int status;
	waitpid(p, &status, 0);
	return status ? -1 : 0;
}
/* The test has opened it, and walisup has handed it on. */
static int inherited(void) { return by(fcntl(3, F_DUPFD, 10)); }
static int received(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char c, room[64];
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
	strncpy(a.sun_path, below(inside, "server"), sizeof a.sun_path - 1);
	if (connect(s, (struct sockaddr *)&a, sizeof a)) abort();
	if (recvmsg(s, &m, 0) != 1) abort();
	if (m.msg_controllen >= CMSG_LEN(sizeof fd)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return by(fd);
}
static int several_received(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char c, room[64];
	struct iovec v = { &c, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room } };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
	strncpy(a.sun_path, below(inside, "server"), sizeof a.sun_path - 1);
	if (connect(s, (struct sockaddr *)&a, sizeof a)) abort();
	if (recvmmsg(s, &m, 1, 0, 0) != 1) abort();
	if (m.msg_hdr.msg_controllen >= CMSG_LEN(sizeof fd)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m.msg_hdr)), sizeof fd);
	return by(fd);
}
static int fanotify(void) { return syscall(SYS_fanotify_init, FAN_CLASS_NOTIF, O_RDWR) < 0 ? -1 : 0; }

/* The layer keeps its directories open: others take their places. */
static int replace_descriptors(void)
{
	int top = open(outside, O_PATH | O_DIRECTORY);
	for (int fd = top + 1; fd < 1100; fd++) {
		close(fd);
		dup2(top, fd);
	}
	int r = by(open(below(inside, "replaced"), O_CREAT | O_WRONLY, 0666));
	for (int fd = top + 1; fd < 1100; fd++) close(fd);
	/* What has been written inside is no escape. */
	return r || !access(below(outside, "replaced"), F_OK) ? r : -1;
}
static int close_descriptors(void)
{
	int top = open(outside, O_PATH | O_DIRECTORY);
	syscall(SYS_close_range, top + 1, ~0U, 0);
	for (int fd = top; fd >= 0 && fd < 1000; fd = dup(fd));
	int r = by(open(below(inside, "closed"), O_CREAT | O_WRONLY, 0666));
	syscall(SYS_close_range, top, ~0U, 0);
	return r || !access(below(outside, "closed"), F_OK) ? r : -1;
}
static int shared_descriptors(void)
{
	pid_t p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!p) _exit(0);
	if (p < 0) return -1;
	waitpid(p, 0, 0);
	return 0;
}

/* Races. A thread changes what the other's calls refer to. */

enum { ROUNDS = 500 };
static volatile int stop;
static char changing[4096];
static const char *good, *bad;

static pthread_t start(void *(*f)(void *))
{
	pthread_t t;
	stop = 0;
	if (pthread_create(&t, 0, f, 0)) abort();
	return t;
}

static int finish(pthread_t t, int escaped)
{
	stop = 1;
	pthread_join(t, 0);
	return escaped ? 0 : -1;
}

static void *change_text(void *arg)
{
	while (!stop) {
		strcpy(changing, good);
		sched_yield();
		strcpy(changing, bad);
	}
	return 0;
}

static int is_changed(const char *path)
{
	struct stat st;
	return stat(path, &st) || st.st_size != 6;
}

static int race_path(void)
{
	good = mine, bad = victim;
	strcpy(changing, good);
	pthread_t t = start(change_text);
	for (int i = 0; i < ROUNDS; i++) by(open(changing, O_WRONLY | O_CREAT, 0666));
	return finish(t, is_changed(victim));
}

static int race_mode(void)
{
	struct stat st;
	by(open(mine, O_CREAT | O_WRONLY, 0666));
	good = mine, bad = victim;
	strcpy(changing, good);
	pthread_t t = start(change_text);
	for (int i = 0; i < ROUNDS; i++) chmod(changing, 0777);
	finish(t, 0);
	return stat(victim, &st) || (st.st_mode & 0777) == 0777 ? 0 : -1;
}

static int race_address(void)
{
	struct sockaddr_un *a = (void *)(changing - offsetof(struct sockaddr_un, sun_path));
	static struct sockaddr_un address;
	(void)a;
	char other[200], own[200];
	snprintf(own, sizeof own, "%s.s", mine);
	snprintf(other, sizeof other, "%s.s", name);
	good = own, bad = other;
	pthread_t t = start(change_text);
	for (int i = 0; i < ROUNDS / 4; i++) {
		address.sun_family = AF_UNIX;
		memcpy(address.sun_path, changing, sizeof address.sun_path);
		int s = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(s, (struct sockaddr *)&address, sizeof address);
		close(s);
		unlink(own);
	}
	return finish(t, !access(other, F_OK));
}

static void *change_link(void *arg)
{
	char temporary[4200];
	snprintf(temporary, sizeof temporary, "%s.new", mine);
	while (!stop) {
		symlink(good, temporary);
		rename(temporary, mine);
		symlink(bad, temporary);
		rename(temporary, mine);
	}
	return 0;
}

static int race_link(void)
{
	char own[4200];
	snprintf(own, sizeof own, "%s.file", mine);
	by(open(own, O_CREAT | O_WRONLY, 0666));
	good = own, bad = victim;
	pthread_t t = start(change_link);
	for (int i = 0; i < ROUNDS; i++) {
		by(open(mine, O_WRONLY));
		truncate(mine, 0);
		chmod(mine, 0777);
	}
	return finish(t, is_changed(victim));
}

static void *change_directory(void *arg)
{
	char temporary[4200];
	snprintf(temporary, sizeof temporary, "%s.new", mine);
	while (!stop) syscall(SYS_renameat2, AT_FDCWD, mine, AT_FDCWD, temporary, 2);
	return 0;
}

static int race_directory(void)
{
	char temporary[4200], path[4200];
	snprintf(temporary, sizeof temporary, "%s.new", mine);
	snprintf(path, sizeof path, "%s/new", mine);
	mkdir(mine, 0777);
	symlink(dir, temporary);
	pthread_t t = start(change_directory);
	int escaped = 0;
	for (int i = 0; i < ROUNDS && !escaped; i++) {
		mkdir(path, 0777);
		rmdir(path);
		by(open(path, O_CREAT | O_WRONLY, 0666));
		escaped |= !access(below(dir, "new"), F_OK);
		unlink(path);
		symlink("x", path);
		escaped |= !access(below(dir, "new"), F_OK);
		unlink(path);
	}
	return finish(t, escaped);
}

static int good_fd, bad_fd, target;

static void *change_descriptor(void *arg)
{
	while (!stop) {
		dup2(good_fd, target);
		dup2(bad_fd, target);
	}
	return 0;
}

/* A thread whose descriptors are its own, and not those that /proc/self shows. */

static int own_number, (*make_own)(void);

static int unshare_table(void) { return unshare(CLONE_FILES); }
static int close_range_unshare(void) { return syscall(SYS_close_range, 900, 900, 2 /* CLOSE_RANGE_UNSHARE */); }

static void *change_own(void *arg)
{
	if (make_own() || dup2(reading(), own_number) < 0) return 0;
	return (void *)(intptr_t)(!fchmod(own_number, 0777));
}

static int by_own_table(int (*make)(void))
{
	void *escaped;
	pthread_t t;
	mkdir(mine, 0777);
	make_own = make;
	own_number = fcntl(open(below(mine, "f"), O_CREAT | O_RDWR, 0666), F_DUPFD, 200);
	if (own_number < 0 || pthread_create(&t, 0, change_own, 0)) abort();
	pthread_join(t, &escaped);
	return escaped ? 0 : -1;
}

static int own_table(void) { return by_own_table(unshare_table); }
static int own_table_by_close_range(void) { return by_own_table(close_range_unshare); }

static void *truncate_inside(void *arg)
{
	if (unshare(CLONE_FILES)) return 0;
	while (!stop) truncate(below(mine, "f"), 0);
	return 0;
}

static int race_own_table(void)
{
	struct stat st;
	mkdir(mine, 0777);
	int good = open(below(mine, "f"), O_CREAT | O_RDWR, 0666), bad = reading(), first = bad + 1;
	pthread_t t = start(truncate_inside);
	for (int i = 0; i < ROUNDS; i++) {
		dup2(good, first + i % 3);
		dup2(bad, first + i % 3);
	}
	return finish(t, fstat(bad, &st) || !st.st_size);
}

static int core_file(void)
{
	pid_t p = fork();
	if (!p) {
		if (chdir(dir)) _exit(1);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
		struct rlimit r;
		if (!getrlimit(RLIMIT_CORE, &r) && !r.rlim_cur) _exit(1);
		_exit(0);
	}
	int status;
	waitpid(p, &status, 0);
	return status ? -1 : 0;
}

static int race_descriptor(void)
{
	struct stat st;
	good_fd = open(mine, O_CREAT | O_RDWR, 0666);
	bad_fd = reading();
	target = dup(good_fd);
	pthread_t t = start(change_descriptor);
	for (int i = 0; i < ROUNDS; i++) fchmod(target, 0777);
	finish(t, 0);
	return stat(victim, &st) || (st.st_mode & 0777) == 0777 ? 0 : -1;
}

/* The numbers that a call of the layer uses meanwhile. */
static void *take_numbers(void *arg)
{
	while (!stop) for (int fd = target; fd < target + 6; fd++) {
		dup2(bad_fd, fd);
		close(fd);
	}
	return 0;
}

static int race_numbers(void)
{
	char path[4200];
	mkdir(mine, 0777);
	snprintf(path, sizeof path, "%s/new", mine);
	bad_fd = open(dir, O_PATH | O_DIRECTORY);
	target = bad_fd + 1;
	pthread_t t = start(take_numbers);
	int escaped = 0;
	for (int i = 0; i < ROUNDS; i++) {
		mkdir(path, 0777);
		rmdir(path);
		chmod(mine, 0700 + (i & 63));
		escaped |= !access(below(dir, "new"), F_OK);
	}
	struct stat st;
	/* Without a layer the numbers do not matter. */
	escaped |= stat(dir, &st) || (st.st_mode & 0777) != 0755;
	return finish(t, escaped);
}

#define ATTEMPT(f) { #f, f }
static const struct { const char *name; int (*try)(void); } attempts[] = {
	ATTEMPT(open_wronly), ATTEMPT(open_rdwr), ATTEMPT(open_append), ATTEMPT(open_truncating), ATTEMPT(open_creating),
	ATTEMPT(open_creating_to_read), ATTEMPT(open_exclusively), ATTEMPT(call_creat), ATTEMPT(open_both_bits), ATTEMPT(call_openat2),
	ATTEMPT(open_from_descriptor), ATTEMPT(open_up), ATTEMPT(open_by_number), ATTEMPT(open_by_thread_number),
	ATTEMPT(open_by_path_number), ATTEMPT(open_by_root), ATTEMPT(open_temporary), ATTEMPT(open_by_handle),
	ATTEMPT(symbolic_link), ATTEMPT(symbolic_link_relative), ATTEMPT(symbolic_link_dangling),
	ATTEMPT(symbolic_link_to_directory), ATTEMPT(symbolic_link_chmod), ATTEMPT(hard_link), ATTEMPT(hard_link_by_number),
	ATTEMPT(hard_link_by_descriptor), ATTEMPT(hard_link_to_outside), ATTEMPT(map_shared), ATTEMPT(map_written),
	ATTEMPT(truncate_path), ATTEMPT(truncate_descriptor), ATTEMPT(allocate), ATTEMPT(rename_within), ATTEMPT(rename_inwards),
	ATTEMPT(rename_outwards), ATTEMPT(rename_exchanging), ATTEMPT(unlink_file), ATTEMPT(unlink_from_descriptor),
	ATTEMPT(remove_directory), ATTEMPT(make_directory), ATTEMPT(make_directory_from_inside), ATTEMPT(make_symlink),
	ATTEMPT(make_fifo), ATTEMPT(make_node), ATTEMPT(make_socket), ATTEMPT(change_mode), ATTEMPT(change_mode_of_descriptor),
	ATTEMPT(change_mode_by_number), ATTEMPT(change_mode_2), ATTEMPT(change_owner), ATTEMPT(change_owner_of_descriptor),
	ATTEMPT(change_owner_by_empty_path), ATTEMPT(set_time), ATTEMPT(set_time_of_descriptor), ATTEMPT(set_time_of_link),
	ATTEMPT(set_attribute), ATTEMPT(set_attribute_of_descriptor), ATTEMPT(set_flags), ATTEMPT(copy_range), ATTEMPT(send_file),
	ATTEMPT(splice_pipe), ATTEMPT(mount_over), ATTEMPT(change_root), ATTEMPT(namespaces), ATTEMPT(in_child),
	ATTEMPT(executed), ATTEMPT(executed_elsewhere), ATTEMPT(native_program), ATTEMPT(inherited), ATTEMPT(received),
	ATTEMPT(several_received), ATTEMPT(fanotify), ATTEMPT(replace_descriptors), ATTEMPT(close_descriptors),
	ATTEMPT(shared_descriptors), ATTEMPT(race_path), ATTEMPT(race_mode), ATTEMPT(race_address), ATTEMPT(race_link),
	ATTEMPT(race_directory), ATTEMPT(race_descriptor), ATTEMPT(race_numbers),
	ATTEMPT(own_table), ATTEMPT(own_table_by_close_range), ATTEMPT(race_own_table), ATTEMPT(core_file),
};

static void escape(void)
{
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		snprintf(victim, sizeof victim, "%s/%zu/victim", outside, i);
		snprintf(dir, sizeof dir, "%s/%zu/dir", outside, i);
		snprintf(name, sizeof name, "%s/%zu/new", outside, i);
		snprintf(mine, sizeof mine, "%s/%zu", inside, i);
		errno = 0;
		int r = attempts[i].try();
		printf("%s: %s\n", attempts[i].name, r ? "refused" : "escaped");
		fflush(stdout);
	}
}

/* Everything that the layer judges, where it is allowed: the same as without it. */
static void use(void)
{
	struct stat st;
	char buf[64] = "";
	int p[2], fd;
#define SAY(call) do { errno = 0; long r_ = (call); printf("%s: %ld %s\n", #call, r_, r_ < 0 ? strerror(errno) : ""); } while (0)
	if (chdir(inside)) abort();
	SAY(close(open("a", O_CREAT | O_WRONLY | O_EXCL, 0640)));
	SAY(open("a", O_CREAT | O_WRONLY | O_EXCL, 0640));
	SAY(open("missing", O_WRONLY));
	SAY(open("missing/a", O_CREAT | O_WRONLY, 0666));
	SAY(open(".", O_WRONLY));
	SAY(open("a/", O_CREAT | O_WRONLY, 0666));
	SAY(symlink("a", "new/"));
	SAY(mkfifo("new/", 0666));
	SAY(rename("a", "new/"));
	SAY(link("a", "new/"));
	SAY(unlink("a/"));
	SAY(mkdir("slash/", 0777));
	SAY(rename("slash/", "slash2/"));
	SAY(rmdir("slash2/"));
	SAY(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	SAY(open("a", O_WRONLY | O_DIRECTORY));
	fd = open("a", O_RDWR | O_APPEND);
	SAY(write(fd, "hello", 5));
	SAY(fchmod(fd, 0600));
	SAY(fchown(fd, getuid(), getgid()));
	SAY(ftruncate(fd, 4));
	SAY(fallocate(fd, 0, 0, 8));
	SAY(futimens(fd, (struct timespec[2]){ { 1, 2 }, { 3, 4 } }));
	SAY(fstat(fd, &st));
	printf("%o %lld %lld.%ld\n", st.st_mode, (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	SAY(fcntl(fd, F_GETFL) & O_APPEND);
	close(fd);
	SAY(mkdir("d", 0700));
	SAY(mkdir("d/", 0700));
	SAY(mkdir(".", 0700));
	SAY(mkdir("e/", 0755));
	SAY(symlink("a", "link"));
	SAY(symlink("made-by-link", "dangling"));
	SAY(close(open("dangling", O_CREAT | O_WRONLY, 0666)));
	SAY(access("made-by-link", F_OK));
	SAY(open("link", O_WRONLY | O_NOFOLLOW));
	SAY(close(open("link", O_WRONLY | O_TRUNC)));
	SAY(stat("a", &st));
	printf("%lld\n", (long long)st.st_size);
	SAY(link("a", "d/b"));
	SAY(rename("d/b", "d/c"));
	SAY(syscall(SYS_renameat2, AT_FDCWD, "d/c", AT_FDCWD, "a", 1));
	SAY(chmod("link", 0604));
	SAY(lchown("link", getuid(), getgid()));
	SAY(truncate("link", 100));
	SAY(utimensat(AT_FDCWD, "link", (struct timespec[2]){ { 5, 6 }, { 7, 8 } }, AT_SYMLINK_NOFOLLOW));
	SAY(lstat("link", &st));
	printf("%lld.%ld\n", (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	SAY(utimes("a", (struct timeval[2]){ { 9, 10 }, { 11, 12 } }));
	SAY(stat("a", &st));
	printf("%o %lld %lld.%ld\n", st.st_mode, (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	SAY(mkfifo("fifo", 0600));
	SAY(open("fifo", O_WRONLY | O_NONBLOCK));
	SAY(close(open("fifo", O_RDWR)));
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	SAY(write(fd, "tmp", 3));
	SAY(fchmod(fd, 0640));
	SAY(linkat(AT_FDCWD, numbered("/proc/self/fd", fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	close(fd);
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	SAY(bind(s, (struct sockaddr *)&a, sizeof a));
	SAY(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
	SAY(listen(s, 1));
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	SAY(connect(c, (struct sockaddr *)&a, sizeof a));
	SAY(send(c, "message", 7, 0));
	struct iovec v[2] = { { buf, 3 }, { buf + 10, 20 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	SAY(recvmsg(accept(s, 0, 0), &m, 0));
	printf("%s %s\n", buf, buf + 10);
	SAY(unlink("socket"));
	SAY(unlink("missing"));
	SAY(unlink("d"));
	SAY(rmdir("d"));
	SAY(unlink("d/c"));
	SAY(rmdir("d/"));
	SAY(unlinkat(AT_FDCWD, "e", AT_REMOVEDIR));
	/* What is no file is for all. */
	SAY(close(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666)));
	SAY(pipe(p));
	fd = open(numbered("/dev/fd", p[1]), O_WRONLY);
	SAY(write(fd, "p", 1));
	SAY(fcntl(fd, F_GETFL) & O_NONBLOCK);
	SAY(fchmod(p[0], 0600));
	fd = memfd_create("m", 0);
	SAY(write(fd, "m", 1));
	SAY(fchmod(fd, 0600));
	SAY(mkdir("/", 0777));
	SAY(mkdir("/usr", 0777));
	SAY(unlink("/usr/missing"));
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "again")) {
		int fd = open(argv[2], O_WRONLY);
		return fd < 0 ? 1 : write(fd, "escaped", 7) != 7;
	}
	if (argc == 4 && !strcmp(argv[1], "escape")) {
		outside = argv[2], inside = argv[3];
		signal(SIGPIPE, SIG_IGN);
		escape();
	} else if (argc == 3 && !strcmp(argv[1], "use")) {
		inside = argv[2];
		use();
	} else return 2;
	return 0;
}
