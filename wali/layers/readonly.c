/* Refuses every call that changes the file system, but below the directories named.
 *
 * arguments: DIRECTORY...
 *
 * What is judged are the ways to a descriptor that can write, and what changes a file without
 * one. So write, mmap, ftruncate, splice and their like need no judgement: what they need,
 * nobody has. Besides open, descriptors come from the process before (closed unless they are
 * the standard ones, which the user has chosen), from messages (which lose them) and from
 * fanotify.
 *
 * Where a path leads is found out by the kernel, in two steps. The first opens it with O_PATH
 * and asks /proc for the name of what it found. This is a guess: other threads may change the
 * file system, the memory and the descriptors meanwhile. If the name is below one of the
 * directories the second step opens this name from that directory on, with RESOLVE_BENEATH
 * and without symbolic links: whatever has changed, this leads nowhere else.
 *
 * The numbers of the directories' descriptors are kept from the application, which could put
 * others in their place. A call with a descriptor of ours that has just been opened holds
 * the lock, without which nobody closes or replaces one. So processes do not share
 * descriptor tables: they would not share the lock. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <wali/layer.h>

#define CALL(name) LAYER_PROVIDES("wali.SYS_" #name)

enum { TREES_MAX = 64 };

/* A directory below which the application may write. */
static struct tree {
	char *name;	/* without links, and without a slash at the end */
	size_t len;
	int fd;
} trees[TREES_MAX];
static int tree_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what, const char *why)
{
	dprintf(2, "readonly.wasm: %s: %s\n", what, why);
	_exit(125);
}

/* The path by which a descriptor's file is reached, whatever it is. The descriptor is the
 * thread's: a thread can have a table of its own (unshare). */
struct by_number { char path[40]; };

static struct by_number by_number(int fd)
{
	struct by_number p;
	snprintf(p.path, sizeof p.path, "/proc/thread-self/fd/%d", fd);
	return p;
}

/* The name of a descriptor's file. Returns 0 or -errno. */
static long name_of(int fd, char name[PATH_MAX])
{
	long n = layer_syscall(SYS_readlinkat, AT_FDCWD, by_number(fd).path, name, PATH_MAX);
	if (n < 0) return n == -ENOENT || n == -ENOTDIR ? -EBADF : n;
	if (n == PATH_MAX) return -ENAMETOOLONG;
	name[n] = 0;
	return 0;
}

/* The tree that a name is in, and the path from there. */
static struct tree *tree_of(const char *name, const char **rest)
{
	for (int i = 0; i < tree_count; i++) {
		struct tree *t = &trees[i];
		if (strncmp(name, t->name, t->len)) continue;
		if (!name[t->len] || !strcmp(name + t->len, "/")) *rest = ".";
		else if (name[t->len] == '/') *rest = name + t->len + 1;
		else continue;
		return t;
	}
	return 0;
}

static long open_in(struct tree *t, const char *rest, uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags, .mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	for (;;) {
		long r = layer_syscall(SYS_openat2, t->fd, rest, &how, sizeof how);
		if (r != -EAGAIN) return r; /* a rename came between */
	}
}

static int is_tree_fd(int fd)
{
	for (int i = 0; i < tree_count; i++) if (trees[i].fd == fd) return 1;
	return 0;
}

/* Step one: what a path leads to. Returns 0 or -errno. */
static long locate(int dir, const char *path, int flags, uint64_t resolve, char name[PATH_MAX])
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve };
	long fd = layer_syscall(SYS_openat2, dir, path, &how, sizeof how);
	if (fd < 0) return fd;
	long r = name_of(fd, name);
	close(fd);
	return r;
}

/* The mount that a descriptor's file is on, which is in one mount namespace only; 0 if unknown. */
static uint64_t mount_of(int fd)
{
	enum { MNT_ID = 0x1000, SIZE = 256, AT = 144 }; /* STATX_MNT_ID, struct statx, its stx_mnt_id */
	uint64_t buf[SIZE / 8] = { 0 };
	if (layer_syscall(SYS_statx, fd, "", AT_EMPTY_PATH, MNT_ID, buf) < 0 || !((uint32_t *)buf)[0]) return 0;
	return (uint32_t)buf[0] & MNT_ID ? buf[AT / 8] : 0;
}

/* Whether the file of a descriptor is in a tree. Its name alone does not say that: it may be
 * of another mount namespace, where the name means something else. The caller holds the lock,
 * or is alone. Returns 0 or -errno. */
static long in_tree(int fd)
{
	char name[PATH_MAX];
	const char *rest;
	long r = name_of(fd, name);
	if (r < 0) return r;
	struct tree *t = *name == '/' ? tree_of(name, &rest) : 0;
	if (!t) return -EROFS;
	uint64_t mount = mount_of(fd);
	if (mount && mount == mount_of(t->fd)) return 0;
	struct stat is, found;
	long again = open_in(t, rest, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (again < 0) return -EROFS;
	r = fstat(fd, &is) || fstat(again, &found) || is.st_dev != found.st_dev || is.st_ino != found.st_ino ? -EROFS : 0;
	close(again);
	return r;
}

/* A name in a directory. */
struct place {
	struct tree *tree;	/* 0: outside of all */
	char path[PATH_MAX];	/* of the directory, from the tree on; the whole path if it is outside */
	char last[NAME_MAX+2];	/* with the slash behind it, which the kernel judges */
	int slash;
	int fd;			/* of the directory, while the lock is held */
};

/* Step one for a name that may not be there. Returns 0 or -errno; *special is set if the path
 * ends in no name, but in "." or "..". */
static long find_place(struct place *p, int dir, const char *path, uint64_t resolve, int *special)
{
	char parent[PATH_MAX], name[PATH_MAX];
	const char *rest;
	size_t end = strlen(path), begin;
	*special = 0;
	if (!end) return -ENOENT;
	while (end > 1 && path[end-1] == '/') end--;
	for (begin = end; begin > 0 && path[begin-1] != '/'; begin--);
	size_t n = end - begin;
	if (n > NAME_MAX) return -ENAMETOOLONG;
	p->slash = path[end] == '/';
	memcpy(p->last, path + begin, n);
	p->last[n] = 0;
	*special = !n || !strcmp(p->last, ".") || !strcmp(p->last, "..");
	if (p->slash) strcat(p->last, "/");
	memcpy(parent, path, begin);
	parent[begin] = 0;
	long r = locate(dir, begin ? parent : ".", O_DIRECTORY, resolve, name);
	if (r < 0) return r;
	p->tree = tree_of(name, &rest);
	strcpy(p->path, p->tree ? rest : name);
	return 0;
}

/* Step two. The caller holds the lock, and closes p->fd. */
static long open_place(struct place *p)
{
	long r = open_in(p->tree, p->path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	p->fd = r;
	return r < 0 ? r : 0;
}

/* Whether a name outside of all trees is there: it decides about the error. */
static int exists(struct place *p)
{
	char path[PATH_MAX + NAME_MAX + 3];
	snprintf(path, sizeof path, "%s/%s", p->path, p->last);
	struct stat st;
	return !lstat(path, &st);
}

/* Copies a path of the application's. Returns 0 or -errno. */
static long get_path(char path[PATH_MAX], app_ptr at)
{
	long n = app_string(path, at, PATH_MAX);
	return n < 0 ? n : 0;
}

/* Opening. */

/* Terminals, and the devices that swallow everything. */
static int is_harmless(dev_t device)
{
	unsigned m = major(device), n = minor(device);
	return (m == 1 && (n == 3 || n == 5 || n == 7 || n == 8 || n == 9)) || m == 4 || m == 5 || (m >= 136 && m <= 143);
}

/* Opens what is no file: a pipe, a terminal, /dev/null. */
static long open_special(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW), .resolve = resolve };
	flags &= ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC);
	for (;;) {
		struct stat st;
		int fifo = 0;
		pthread_mutex_lock(&lock);
		long fd = layer_syscall(SYS_openat2, dir, path, &how, sizeof how), r = fd;
		if (fd >= 0) {
			r = fstat(fd, &st) ? -errno : -EROFS;
			fifo = r == -EROFS && S_ISFIFO(st.st_mode);
			if (fifo || (r == -EROFS && S_ISCHR(st.st_mode) && is_harmless(st.st_rdev)))
				/* Nobody waits with the lock. */
				r = layer_syscall(SYS_openat, AT_FDCWD, by_number(fd).path, flags | (fifo ? O_NONBLOCK : 0), 0);
			if (fifo && r >= 0 && !(flags & O_NONBLOCK))
				layer_syscall(SYS_fcntl, r, F_SETFL, flags & ~O_NONBLOCK);
			close(fd);
		}
		pthread_mutex_unlock(&lock);
		if (!fifo || r != -ENXIO || flags & O_NONBLOCK) return r;
		/* A pipe without a reader. */
		struct timespec t = { 0, 2000000 };
		r = layer_syscall(SYS_nanosleep, &t, 0);
		if (r == -EINTR) return r;
	}
}

static long open_writing(int dir, const char *given, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	char path[PATH_MAX], name[PATH_MAX];
	const char *rest;
	struct tree *t;
	strcpy(path, given);
	if (flags & O_CREAT && *path && path[strlen(path)-1] == '/') return -EISDIR;
	for (int links = 0; links < 40; links++) {
		long r = -ENOENT;
		if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
			r = locate(dir, path, flags & (O_NOFOLLOW | O_DIRECTORY), resolve, name);
		if (!r) {
			t = tree_of(name, &rest);
			return t ? open_in(t, rest, flags, mode) : open_special(dir, path, flags, resolve);
		}
		if (r != -ENOENT || !(flags & O_CREAT)) return r;
		struct place p;
		int special;
		r = find_place(&p, dir, path, resolve, &special);
		if (r < 0) return r;
		if (special || p.slash) return -EISDIR;
		if (!p.tree) return flags & O_EXCL && exists(&p) ? -EEXIST : -EROFS;
		if (strlen(p.path) + strlen(p.last) + 2 > sizeof p.path) return -ENAMETOOLONG;
		strcat(strcat(p.path, "/"), p.last);
		r = open_in(p.tree, p.path, flags, mode);
		if (r != -ELOOP || flags & (O_EXCL | O_NOFOLLOW) || resolve & RESOLVE_NO_SYMLINKS) return r;
		/* A link to what is not there, which is made. */
		long n = layer_syscall(SYS_readlinkat, p.tree->fd, p.path, name, sizeof name);
		if (n < 0) return n;
		if (n == sizeof name) return -ENAMETOOLONG;
		name[n] = 0;
		*strrchr(p.path, '/') = 0;
		if (*name == '/') strcpy(path, name);
		else if (snprintf(path, sizeof path, "%s/%s/%s", p.tree->name, p.path, name) >= (int)sizeof path) return -ENAMETOOLONG;
		if (resolve) return -ELOOP;
		dir = AT_FDCWD;
	}
	return -ELOOP;
}

/* The flags decide alone whether a descriptor can write: they are no memory that changes. */
static int writes(uint64_t flags)
{
	if (flags & O_PATH) return 0;
	return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
}

/* What the kernel ignores, openat2 refuses. */
static uint64_t known_flags(int flags)
{
	return (uint32_t)flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC |
		O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_TMPFILE);
}

static long open_at(int dir, app_ptr at, int flags, int mode)
{
	char path[PATH_MAX];
	long r = get_path(path, at);
	if (r < 0) return r;
	flags = known_flags(flags);
	return open_writing(dir, path, flags, flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode & 07777 : 0, 0);
}

CALL(open) long call_open(app_ptr path, int flags, int mode)
{
	return writes(flags) ? open_at(AT_FDCWD, path, flags, mode) : app_syscall(SYS_open, path, flags, mode);
}

CALL(creat) long call_creat(app_ptr path, int mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

CALL(openat) long call_openat(int dir, app_ptr path, int flags, int mode)
{
	return writes(flags) ? open_at(dir, path, flags, mode) : app_syscall(SYS_openat, dir, path, flags, mode);
}

CALL(openat2) long call_openat2(int dir, app_ptr at, app_ptr how_at, int size)
{
	struct open_how how = { 0 };
	char path[PATH_MAX];
	if ((unsigned)size < sizeof how) return -EINVAL;
	if ((unsigned)size > sizeof how) return -E2BIG;
	if (app_read(&how, how_at, sizeof how)) return -EFAULT;
	long r = get_path(path, at);
	if (r < 0) return r;
	if (!writes(how.flags)) return layer_syscall(SYS_openat2, dir, path, &how, sizeof how);
	return open_writing(dir, path, how.flags, how.mode, how.resolve);
}

CALL(open_by_handle_at) long call_open_by_handle_at(int mount, app_ptr handle, int flags)
{
	return writes(flags) ? -EROFS : app_syscall(SYS_open_by_handle_at, mount, handle, flags);
}

/* Events of fanotify come with descriptors. */
CALL(fanotify_init) long call_fanotify_init(int flags, int event_flags)
{
	return writes(event_flags) ? -EPERM : app_syscall(SYS_fanotify_init, flags, event_flags);
}

/* Names in directories. */

/* PLACE finds the place of a path, or returns: outside of the trees with the error that an
 * existing, or a missing, name makes. */
#define PLACE(p, dir, at, there, missing) \
	struct place p; \
	do { \
		char path_[PATH_MAX]; \
		int special_; \
		long r_ = get_path(path_, at); \
		if (r_ < 0) return r_; \
		r_ = find_place(&p, dir, path_, 0, &special_); \
		if (r_ < 0) return r_; \
		if (special_) return (there) == -EEXIST ? -EEXIST : -EINVAL; \
		if (!p.tree) return exists(&p) ? (there) : (missing); \
	} while (0)

/* WITH_PLACE(p, call) makes the call, which uses p.fd. */
#define WITH_PLACE(p, call) ({ \
	pthread_mutex_lock(&lock); \
	long result_ = open_place(&p); \
	if (!result_) { \
		result_ = (call); \
		close(p.fd); \
	} \
	pthread_mutex_unlock(&lock); \
	result_; })

static long make_directory(int dir, app_ptr path, int mode)
{
	PLACE(p, dir, path, -EEXIST, -EROFS);
	return WITH_PLACE(p, layer_syscall(SYS_mkdirat, p.fd, p.last, mode));
}

CALL(mkdir) long call_mkdir(app_ptr path, int mode) { return make_directory(AT_FDCWD, path, mode); }
CALL(mkdirat) long call_mkdirat(int dir, app_ptr path, int mode) { return make_directory(dir, path, mode); }

static long make_node(int dir, app_ptr path, int mode, long device)
{
	/* A disk by another name. */
	if (S_ISCHR(mode) || S_ISBLK(mode)) return -EPERM;
	PLACE(p, dir, path, -EEXIST, -EROFS);
	return WITH_PLACE(p, layer_syscall(SYS_mknodat, p.fd, p.last, mode, device));
}

CALL(mknod) long call_mknod(app_ptr path, int mode, long device) { return make_node(AT_FDCWD, path, mode, device); }
CALL(mknodat) long call_mknodat(int dir, app_ptr path, int mode, long device) { return make_node(dir, path, mode, device); }

static long remove_name(int dir, app_ptr path, int flags)
{
	PLACE(p, dir, path, -EROFS, -ENOENT);
	return WITH_PLACE(p, layer_syscall(SYS_unlinkat, p.fd, p.last, flags));
}

CALL(unlink) long call_unlink(app_ptr path) { return remove_name(AT_FDCWD, path, 0); }
CALL(rmdir) long call_rmdir(app_ptr path) { return remove_name(AT_FDCWD, path, AT_REMOVEDIR); }
CALL(unlinkat) long call_unlinkat(int dir, app_ptr path, int flags) { return remove_name(dir, path, flags); }

static long make_link(app_ptr target, int dir, app_ptr path)
{
	char text[PATH_MAX];
	long r = get_path(text, target);
	if (r < 0) return r;
	PLACE(p, dir, path, -EEXIST, -EROFS);
	return WITH_PLACE(p, layer_syscall(SYS_symlinkat, text, p.fd, p.last));
}

CALL(symlink) long call_symlink(app_ptr target, app_ptr path) { return make_link(target, AT_FDCWD, path); }
CALL(symlinkat) long call_symlinkat(app_ptr target, int dir, app_ptr path) { return make_link(target, dir, path); }

static long rename_to(int from_dir, app_ptr from_path, int to_dir, app_ptr to_path, int flags)
{
	PLACE(from, from_dir, from_path, -EROFS, -ENOENT);
	PLACE(to, to_dir, to_path, -EROFS, -EROFS);
	pthread_mutex_lock(&lock);
	long r = open_place(&from);
	if (!r) {
		r = open_place(&to);
		if (!r) {
			r = layer_syscall(SYS_renameat2, from.fd, from.last, to.fd, to.last, flags);
			close(to.fd);
		}
		close(from.fd);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

CALL(rename) long call_rename(app_ptr from, app_ptr to) { return rename_to(AT_FDCWD, from, AT_FDCWD, to, 0); }

CALL(renameat) long call_renameat(int from_dir, app_ptr from, int to_dir, app_ptr to)
{
	return rename_to(from_dir, from, to_dir, to, 0);
}

CALL(renameat2) long call_renameat2(int from_dir, app_ptr from, int to_dir, app_ptr to, int flags)
{
	return rename_to(from_dir, from, to_dir, to, flags);
}

/* A second name makes a file writable: it has to be in a tree already. Its descriptor may
 * have none, as that of O_TMPFILE. */
static long link_to(int from_dir, app_ptr from_path, int to_dir, app_ptr to_path, int flags)
{
	char path[PATH_MAX];
	long r = get_path(path, from_path);
	if (r < 0) return r;
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
	if (!*path && !(flags & AT_EMPTY_PATH)) return -ENOENT;
	PLACE(to, to_dir, to_path, -EEXIST, -EROFS);
	pthread_mutex_lock(&lock);
	long fd = *path ? layer_syscall(SYS_openat, from_dir, path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW), 0)
		: layer_syscall(SYS_fcntl, from_dir, F_DUPFD_CLOEXEC, 0);
	r = fd < 0 ? fd : in_tree(fd);
	if (!r && !(r = open_place(&to))) {
		r = layer_syscall(SYS_linkat, AT_FDCWD, by_number(fd).path, to.fd, to.last, AT_SYMLINK_FOLLOW);
		close(to.fd);
	}
	if (fd >= 0) close(fd);
	pthread_mutex_unlock(&lock);
	return r;
}

CALL(link) long call_link(app_ptr from, app_ptr to) { return link_to(AT_FDCWD, from, AT_FDCWD, to, 0); }

CALL(linkat) long call_linkat(int from_dir, app_ptr from, int to_dir, app_ptr to, int flags)
{
	return link_to(from_dir, from, to_dir, to, flags);
}

/* A name of a socket. */
CALL(bind) long call_bind(int fd, app_ptr at, int size)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_un *un = (void *)&address, through = { .sun_family = AF_UNIX };
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	if ((unsigned)size > sizeof address) return -EINVAL;
	if (app_read(&address, at, size)) return -EFAULT;
	if (address.ss_family != AF_UNIX || (unsigned)size <= head || !un->sun_path[0])
		return layer_syscall(SYS_bind, fd, &address, size);
	struct place p;
	char path[sizeof address + 1] = { 0 };
	int special;
	memcpy(path, un->sun_path, size - head);
	long r = find_place(&p, AT_FDCWD, path, 0, &special);
	if (r < 0) return r;
	if (special) return -EADDRINUSE;
	if (!p.tree) return exists(&p) ? -EADDRINUSE : -EROFS;
	return WITH_PLACE(p, snprintf(through.sun_path, sizeof through.sun_path, "/proc/thread-self/fd/%d/%s", p.fd, p.last) >=
		(int)sizeof through.sun_path ? -ENAMETOOLONG : layer_syscall(SYS_bind, fd, &through, sizeof through));
}

/* What files are, besides their content. */

/* Opens a file in a tree for a change of its attributes, and takes the lock. Returns the
 * descriptor; or -errno, without the lock. */
static long begin_change(int dir, const char *path, int nofollow)
{
	char name[PATH_MAX];
	const char *rest;
	long r = locate(dir, path, nofollow ? O_NOFOLLOW : 0, 0, name);
	if (r < 0) return r;
	struct tree *t = tree_of(name, &rest);
	if (!t) return -EROFS;
	pthread_mutex_lock(&lock);
	/* What has become a link meanwhile is not followed, but changed itself. */
	r = open_in(t, rest, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (r < 0) pthread_mutex_unlock(&lock);
	return r;
}

static long end_change(long fd, long result)
{
	close(fd);
	pthread_mutex_unlock(&lock);
	return result;
}

/* Whether a descriptor's file is in no file system that anyone sees: a pipe, a socket, memory. */
static int is_private(int fd, const struct stat *st)
{
	char name[PATH_MAX];
	if (name_of(fd, name)) return 0;
	if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode)) return *name != '/' && *name != '(';
	return !st->st_nlink && !strncmp(name, "/memfd:", 7) && fcntl(fd, F_GET_SEALS) >= 0;
}

/* The same for an open descriptor. */
static long begin_change_fd(int fd)
{
	struct stat st;
	pthread_mutex_lock(&lock);
	long r = fstat(fd, &st) ? -errno : 0;
	if (!r && !is_private(fd, &st)) r = in_tree(fd);
	if (r < 0) pthread_mutex_unlock(&lock);
	return r;
}

/* CHANGE(dir, at, nofollow, call) makes the call, which finds the file at path, and may call
 * it fd. CHANGE_FD(fd, call) is for descriptors. */
#define CHANGE(dir, at, nofollow, call) ({ \
	char given_[PATH_MAX]; \
	long fd = get_path(given_, at); \
	if (!fd) fd = begin_change(dir, given_, nofollow); \
	struct by_number file_ = by_number(fd); \
	char *path = file_.path; \
	(void)path; \
	fd < 0 ? fd : end_change(fd, (call)); })

#define CHANGE_FD(fd, call) ({ \
	long r_ = begin_change_fd(fd); \
	if (!r_) { \
		r_ = (call); \
		pthread_mutex_unlock(&lock); \
	} \
	r_; })

/* The path of a call that names a file by a descriptor, if flags has AT_EMPTY_PATH. */
static int is_empty(app_ptr at)
{
	char c = 1;
	return !at || (!app_read(&c, at, 1) && !c);
}

CALL(truncate) long call_truncate(app_ptr at, long size)
{
	return CHANGE(AT_FDCWD, at, 0, layer_syscall(SYS_truncate, path, size));
}

static long change_mode(int dir, app_ptr at, int mode, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
	if (flags & AT_EMPTY_PATH && is_empty(at) && dir != AT_FDCWD)
		return CHANGE_FD(dir, layer_syscall(SYS_chmod, by_number(dir).path, mode));
	return CHANGE(dir, at, flags & AT_SYMLINK_NOFOLLOW, layer_syscall(SYS_chmod, path, mode));
}

CALL(chmod) long call_chmod(app_ptr at, int mode) { return change_mode(AT_FDCWD, at, mode, 0); }
CALL(fchmodat) long call_fchmodat(int dir, app_ptr at, int mode, int flags) { return change_mode(dir, at, mode, flags); }
CALL(fchmodat2) long call_fchmodat2(int dir, app_ptr at, int mode, int flags) { return change_mode(dir, at, mode, flags); }
CALL(fchmod) long call_fchmod(int fd, int mode) { return CHANGE_FD(fd, layer_syscall(SYS_fchmod, fd, mode)); }

static long change_owner(int dir, app_ptr at, int user, int group, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
	if (flags & AT_EMPTY_PATH && is_empty(at) && dir != AT_FDCWD)
		return CHANGE_FD(dir, layer_syscall(SYS_fchownat, dir, "", user, group, AT_EMPTY_PATH));
	return CHANGE(dir, at, flags & AT_SYMLINK_NOFOLLOW, layer_syscall(SYS_fchownat, fd, "", user, group, AT_EMPTY_PATH));
}

CALL(chown) long call_chown(app_ptr at, int user, int group) { return change_owner(AT_FDCWD, at, user, group, 0); }
CALL(lchown) long call_lchown(app_ptr at, int user, int group) { return change_owner(AT_FDCWD, at, user, group, AT_SYMLINK_NOFOLLOW); }
CALL(fchown) long call_fchown(int fd, int user, int group) { return CHANGE_FD(fd, layer_syscall(SYS_fchown, fd, user, group)); }

CALL(fchownat) long call_fchownat(int dir, app_ptr at, int user, int group, int flags)
{
	return change_owner(dir, at, user, group, flags);
}

/* Times, of which there are two: struct timespec, timeval or, each of them half as large,
 * time_t. Returns 0 or -errno. */
struct times { uint64_t of[4]; };

static long get_times(struct times *t, app_ptr at, size_t n)
{
	return at ? app_read(t, at, n) : 0;
}

CALL(utime) long call_utime(app_ptr at, app_ptr times)
{
	struct times t;
	if (get_times(&t, times, 16)) return -EFAULT;
	return CHANGE(AT_FDCWD, at, 0, layer_syscall(SYS_utime, path, times ? &t : 0));
}

static long change_times(int dir, app_ptr at, app_ptr times)
{
	struct times t;
	if (get_times(&t, times, sizeof t)) return -EFAULT;
	if (!at) return CHANGE_FD(dir, layer_syscall(SYS_utimes, by_number(dir).path, times ? &t : 0));
	return CHANGE(dir, at, 0, layer_syscall(SYS_utimes, path, times ? &t : 0));
}

CALL(utimes) long call_utimes(app_ptr at, app_ptr times) { return at ? change_times(AT_FDCWD, at, times) : -EFAULT; }
CALL(futimesat) long call_futimesat(int dir, app_ptr at, app_ptr times) { return change_times(dir, at, times); }

CALL(utimensat) long call_utimensat(int dir, app_ptr at, app_ptr times, int flags)
{
	struct times t;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
	if (get_times(&t, times, sizeof t)) return -EFAULT;
	if (!at || (flags & AT_EMPTY_PATH && is_empty(at) && dir != AT_FDCWD))
		return CHANGE_FD(dir, layer_syscall(SYS_utimensat, dir, 0, times ? &t : 0, 0));
	return CHANGE(dir, at, flags & AT_SYMLINK_NOFOLLOW, layer_syscall(SYS_utimensat, fd, "", times ? &t : 0, AT_EMPTY_PATH));
}

/* Extended attributes. A value is the application's own business, and needs no copy; a path
 * beside it does. */
enum { XATTR_NAME = 256, XATTR_VALUE = 65536 };

static long set_attribute(app_ptr at, app_ptr name_at, app_ptr value_at, int size, int flags, int nofollow)
{
	char name[XATTR_NAME];
	long r = app_string(name, name_at, sizeof name);
	if (r < 0) return r == -ENAMETOOLONG ? -ERANGE : r;
	if ((unsigned)size > XATTR_VALUE) return -E2BIG;
	char *value = malloc(size ? size : 1);
	if (!value) return -ENOMEM;
	if (size && app_read(value, value_at, size)) r = -EFAULT;
	else r = CHANGE(AT_FDCWD, at, nofollow, layer_syscall(SYS_setxattr, path, name, value, size, flags));
	free(value);
	return r;
}

CALL(setxattr) long call_setxattr(app_ptr at, app_ptr name, app_ptr value, int size, int flags)
{
	return set_attribute(at, name, value, size, flags, 0);
}

CALL(lsetxattr) long call_lsetxattr(app_ptr at, app_ptr name, app_ptr value, int size, int flags)
{
	return set_attribute(at, name, value, size, flags, 1);
}

CALL(fsetxattr) long call_fsetxattr(int fd, app_ptr name, app_ptr value, int size, int flags)
{
	return CHANGE_FD(fd, app_syscall(SYS_fsetxattr, fd, name, value, size, flags));
}

static long remove_attribute(app_ptr at, app_ptr name_at, int nofollow)
{
	char name[XATTR_NAME];
	long r = app_string(name, name_at, sizeof name);
	if (r < 0) return r == -ENAMETOOLONG ? -ERANGE : r;
	return CHANGE(AT_FDCWD, at, nofollow, layer_syscall(SYS_removexattr, path, name));
}

CALL(removexattr) long call_removexattr(app_ptr at, app_ptr name) { return remove_attribute(at, name, 0); }
CALL(lremovexattr) long call_lremovexattr(app_ptr at, app_ptr name) { return remove_attribute(at, name, 1); }
CALL(fremovexattr) long call_fremovexattr(int fd, app_ptr name) { return CHANGE_FD(fd, app_syscall(SYS_fremovexattr, fd, name)); }

CALL(ioctl) long call_ioctl(int fd, int request, app_ptr arg)
{
	switch ((uint32_t)request) {
	case 0x40086602: /* FS_IOC_SETFLAGS */
	case 0x40087602: /* FS_IOC_SETVERSION */
	case 0x401c5820: /* FS_IOC_FSSETXATTR */
		return CHANGE_FD(fd, app_syscall(SYS_ioctl, fd, request, arg));
	case 0x41009432: /* FS_IOC_SETFSLABEL */
	case 0xc0045877: case 0xc0045878: case 0xc0185879: /* FIFREEZE, FITHAW, FITRIM */
	case 0xc0189436: /* FIDEDUPERANGE, which needs no descriptor that can write */
	case 0x5412: /* TIOCSTI: what a terminal's shell is made to believe */
	case 0x125d: case 0x125f: case 0x1261: case 0x1277: case 0x127d: case 0x127f: case 0x40081271: /* of disks */
		return -EPERM;
	}
	if ((request >> 8 & 0xff) == 0x4c) return -EPERM; /* of loop devices */
	return app_syscall(SYS_ioctl, fd, request, arg);
}

/* What would change the meaning of paths, or whose they are. */

#define REFUSED(name, types) CALL(name) long call_##name types { return -EPERM; }
REFUSED(mount, (app_ptr a, app_ptr b, app_ptr c, long d, app_ptr e))
REFUSED(umount2, (app_ptr a, int b))
REFUSED(move_mount, (int a, app_ptr b, int c, app_ptr d, int e))
REFUSED(open_tree, (int a, app_ptr b, int c))
REFUSED(fsopen, (app_ptr a, int b))
REFUSED(fsconfig, (int a, int b, app_ptr c, app_ptr d, int e))
REFUSED(fsmount, (int a, int b, int c))
REFUSED(fspick, (int a, app_ptr b, int c))
REFUSED(mount_setattr, (int a, app_ptr b, int c, app_ptr d, int e))
REFUSED(pivot_root, (app_ptr a, app_ptr b))
REFUSED(chroot, (app_ptr a))
REFUSED(setns, (int a, int b))

CALL(clone) long call_clone(long flags, app_ptr stack, app_ptr parent, app_ptr child, long tls)
{
	if (flags & CLONE_FILES) return -EPERM;
	return app_syscall(SYS_clone, flags, stack, parent, child, tls);
}

/* Its flags are in memory. Programs fall back to clone. */
CALL(clone3) long call_clone3(app_ptr args, int size) { return -ENOSYS; }

/* A core file. */

/* The hard limit alone does not stop root. */
static long limit_core(int process, app_ptr at)
{
	struct rlimit limit;
	if (app_read(&limit, at, sizeof limit)) return -EFAULT;
	if (limit.rlim_cur) return -EPERM;
	return layer_syscall(SYS_prlimit64, process, RLIMIT_CORE, &limit, 0);
}

CALL(setrlimit) long call_setrlimit(int resource, app_ptr limit)
{
	return resource == RLIMIT_CORE ? limit_core(0, limit) : app_syscall(SYS_setrlimit, resource, limit);
}

CALL(prlimit64) long call_prlimit64(int process, int resource, app_ptr limit, app_ptr old)
{
	if (resource != RLIMIT_CORE || !limit) return app_syscall(SYS_prlimit64, process, resource, limit, old);
	if (old) {
		long r = app_syscall(SYS_prlimit64, process, resource, (app_ptr)0, old);
		if (r < 0) return r;
	}
	return limit_core(process, limit);
}

/* Descriptors. */

CALL(close) long call_close(int fd)
{
	pthread_mutex_lock(&lock);
	long r = is_tree_fd(fd) ? -EBADF : layer_syscall(SYS_close, fd);
	pthread_mutex_unlock(&lock);
	return r;
}

CALL(dup2) long call_dup2(int from, int to)
{
	pthread_mutex_lock(&lock);
	long r = is_tree_fd(to) ? -EBADF : layer_syscall(SYS_dup2, from, to);
	pthread_mutex_unlock(&lock);
	return r;
}

CALL(dup3) long call_dup3(int from, int to, int flags)
{
	pthread_mutex_lock(&lock);
	long r = is_tree_fd(to) ? -EBADF : layer_syscall(SYS_dup3, from, to, flags);
	pthread_mutex_unlock(&lock);
	return r;
}

/* Those of the trees are in order, and stay. */
CALL(close_range) long call_close_range(unsigned first, unsigned last, int flags)
{
	long r = 0;
	if (first > last) return -EINVAL;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < tree_count && !r; i++) {
		unsigned fd = trees[i].fd;
		if (fd < first || fd > last) continue;
		if (fd > first) r = layer_syscall(SYS_close_range, first, fd - 1, flags);
		first = fd + 1;
	}
	if (!r && first <= last) r = layer_syscall(SYS_close_range, first, last, flags);
	pthread_mutex_unlock(&lock);
	return r;
}

/* Messages. They lose what comes with them, as if there was no room for it: descriptors would
 * be installed before anyone could judge them. */

enum { MESSAGE_MAX = 1 << 20 };

static long receive(int fd, app_ptr at, int flags)
{
	struct msghdr m;
	struct iovec list[IOV_MAX];
	struct sockaddr_storage from;
	size_t size = 0;
	if (app_read(&m, at, sizeof m)) return -EFAULT;
	if ((unsigned)m.msg_iovlen > IOV_MAX) return -EMSGSIZE;
	if (app_read(list, (app_ptr)(uintptr_t)m.msg_iov, m.msg_iovlen * sizeof *list)) return -EFAULT;
	for (int i = 0; i < m.msg_iovlen; i++) {
		if (list[i].iov_len > MESSAGE_MAX - size) list[i].iov_len = MESSAGE_MAX - size;
		size += list[i].iov_len;
	}
	char *buf = malloc(size ? size : 1);
	if (!buf) return -ENOMEM;
	struct iovec own_list = { buf, size };
	struct msghdr own = { .msg_name = m.msg_name ? &from : 0, .msg_namelen = m.msg_name ? sizeof from : 0,
		.msg_iov = &own_list, .msg_iovlen = 1 };
	long n = layer_syscall(SYS_recvmsg, fd, &own, flags);
	long r = n;
	size_t left = n < 0 ? 0 : (size_t)n < size ? (size_t)n : size;
	for (char *p = buf; left; ) {
		for (int i = 0; i < m.msg_iovlen && left; i++) {
			size_t part = list[i].iov_len < left ? list[i].iov_len : left;
			if (part && app_write((app_ptr)(uintptr_t)list[i].iov_base, p, part)) r = -EFAULT;
			p += part;
			left -= part;
		}
	}
	free(buf);
	if (r < 0) return r;
	if (m.msg_name) {
		size_t part = own.msg_namelen < m.msg_namelen ? own.msg_namelen : m.msg_namelen;
		if (part > sizeof from) part = sizeof from;
		if (app_write((app_ptr)(uintptr_t)m.msg_name, &from, part)) return -EFAULT;
	}
	m.msg_namelen = own.msg_namelen;
	m.msg_controllen = 0;
	m.msg_flags = own.msg_flags;
	return app_write(at, &m, sizeof m) ? -EFAULT : r;
}

CALL(recvmsg) long call_recvmsg(int fd, app_ptr at, int flags) { return receive(fd, at, flags); }

/* One message each time. */
CALL(recvmmsg) long call_recvmmsg(int fd, app_ptr at, int count, int flags, app_ptr timeout)
{
	struct mmsghdr *one = 0;
	if (count <= 0) return 0;
	long n = receive(fd, at, flags & ~MSG_WAITFORONE);
	if (n < 0) return n;
	uint32_t len = n;
	return app_write(at + (uintptr_t)&one->msg_len, &len, sizeof len) ? -EFAULT : 1;
}

/* The beginning. */

static int by_fd(const void *a, const void *b)
{
	return ((const struct tree *)a)->fd - ((const struct tree *)b)->fd;
}

/* Opens the directories, with numbers that are out of the way. Their names are absolute and
 * without links: in a process that the application has executed they must not lead elsewhere. */
static void open_tree_named(char *name)
{
	char real[PATH_MAX];
	struct rlimit limit;
	struct tree *t = &trees[tree_count];
	if (tree_count == TREES_MAX) fail(name, "too many directories");
	if (*name != '/') fail(name, "the name of a directory must begin with /");
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	long fd = layer_syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
	if (fd == -ELOOP && realpath(name, real)) {
		dprintf(2, "readonly.wasm: %s: the name has a symbolic link in it; use %s\n", name, real);
		_exit(125);
	}
	if (fd < 0) fail(name, strerror(-fd));
	long r = name_of(fd, real);
	if (r < 0) fail(name, "its name is not known; readonly.wasm needs /proc");
	rlim_t high = getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > 1024 ? 1024 : limit.rlim_cur;
	t->fd = layer_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high > 2*TREES_MAX ? high - 2*TREES_MAX : 0);
	if (t->fd < 0) fail(name, strerror(-t->fd));
	close(fd);
	t->len = strlen(real);
	if (t->len == 1) t->len = 0; /* the root */
	t->name = strndup(real, t->len);
	if (!t->name) fail(name, strerror(ENOMEM));
	tree_count++;
}

/* Closes what could write outside, but for the standard descriptors. */
static void judge_inherited(void)
{
	DIR *d = opendir("/proc/self/fd");
	if (!d) fail("/proc/self/fd", strerror(errno));
	for (struct dirent *e; (e = readdir(d)); ) {
		struct stat st;
		int fd = atoi(e->d_name);
		if (fd <= 2 || fd == dirfd(d) || is_tree_fd(fd)) continue;
		int flags = fcntl(fd, F_GETFL);
		if (flags < 0 || !writes(flags & (O_ACCMODE | O_PATH)) || fstat(fd, &st)) continue;
		if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && is_harmless(st.st_rdev))) continue;
		/* Those of the kernel's that are no files, as of eventfd and epoll, have no type. */
		if (!(st.st_mode & S_IFMT) || is_private(fd, &st) || !in_tree(fd)) continue;
		close(fd);
	}
	closedir(d);
}

LAYER_ENTRY("layer_main") void layer_main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) open_tree_named(argv[i]);
	qsort(trees, tree_count, sizeof *trees, by_fd);
	judge_inherited();
	struct rlimit limit;
	if (!getrlimit(RLIMIT_CORE, &limit)) limit.rlim_cur = 0;
	if (setrlimit(RLIMIT_CORE, &limit)) fail("core files", strerror(errno));
}

LAYER_ENTRY("layer_fork") void layer_fork(void)
{
	/* Whoever held it is not here. */
	pthread_mutex_init(&lock, 0);
}
