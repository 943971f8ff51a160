/* wasi_snapshot_preview1 over WALI, as the specification of WASI preview 1 has it.
 *
 * arguments: [--dir HOST[::GUEST]]... [--fd N]...
 *
 * The application knows descriptors of ours, which stand for the kernel's. 0 to 2 are its
 * standard streams, then come the directories of --dir, and then the descriptors of --fd.
 *
 * A path is looked up by the kernel below the directory that the application names, by
 * openat2 with RESOLVE_BENEATH: nothing here decides where a path leads. What works on the
 * last component of a path is done in two steps, of which the first opens its parent in this
 * way, and the second sees one name that is followed nowhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <wali/layer.h>

#define WASI(name) LAYER_PROVIDES("wasi_snapshot_preview1." name)

typedef uint16_t wasi_errno;

enum {
	WASI_SUCCESS = 0, WASI_BADF = 8, WASI_EXIST = 20, WASI_FAULT = 21, WASI_INVAL = 28, WASI_IO = 29,
	WASI_ISDIR = 31, WASI_NAMETOOLONG = 37, WASI_NFILE = 41, WASI_NOENT = 44, WASI_NOMEM = 48,
	WASI_NOSYS = 52, WASI_NOTDIR = 54, WASI_NOTSOCK = 57, WASI_NOTSUP = 58, WASI_PERM = 63, WASI_SPIPE = 70,
};

/* The errno values of the specification, by Linux's. */
static const uint8_t errnos[] = {
	[E2BIG] = 1, [EACCES] = 2, [EADDRINUSE] = 3, [EADDRNOTAVAIL] = 4, [EAFNOSUPPORT] = 5, [EAGAIN] = 6, [EALREADY] = 7,
	[EBADF] = 8, [EBADMSG] = 9, [EBUSY] = 10, [ECANCELED] = 11, [ECHILD] = 12, [ECONNABORTED] = 13, [ECONNREFUSED] = 14,
	[ECONNRESET] = 15, [EDEADLK] = 16, [EDESTADDRREQ] = 17, [EDOM] = 18, [EDQUOT] = 19, [EEXIST] = 20, [EFAULT] = 21,
	[EFBIG] = 22, [EHOSTUNREACH] = 23, [EIDRM] = 24, [EILSEQ] = 25, [EINPROGRESS] = 26, [EINTR] = 27, [EINVAL] = 28,
	[EIO] = 29, [EISCONN] = 30, [EISDIR] = 31, [ELOOP] = 32, [EMFILE] = 33, [EMLINK] = 34, [EMSGSIZE] = 35,
	[EMULTIHOP] = 36, [ENAMETOOLONG] = 37, [ENETDOWN] = 38, [ENETRESET] = 39, [ENETUNREACH] = 40, [ENFILE] = 41,
	[ENOBUFS] = 42, [ENODEV] = 43, [ENOENT] = 44, [ENOEXEC] = 45, [ENOLCK] = 46, [ENOLINK] = 47, [ENOMEM] = 48,
	[ENOMSG] = 49, [ENOPROTOOPT] = 50, [ENOSPC] = 51, [ENOSYS] = 52, [ENOTCONN] = 53, [ENOTDIR] = 54, [ENOTEMPTY] = 55,
	[ENOTRECOVERABLE] = 56, [ENOTSOCK] = 57, [EOPNOTSUPP] = 58, [ENOTTY] = 59, [ENXIO] = 60, [EOVERFLOW] = 61,
	[EOWNERDEAD] = 62, [EPERM] = 63, [EPIPE] = 64, [EPROTO] = 65, [EPROTONOSUPPORT] = 66, [EPROTOTYPE] = 67,
	[ERANGE] = 68, [EROFS] = 69, [ESPIPE] = 70, [ESRCH] = 71, [ESTALE] = 72, [ETIMEDOUT] = 73, [ETXTBSY] = 74, [EXDEV] = 75,
};

/* The error of a system call's result, which is negative. */
static wasi_errno error_of(long r)
{
	unsigned e = -r;
	return e < sizeof errnos && errnos[e] ? errnos[e] : WASI_IO;
}

static wasi_errno status_of(long r)
{
	return r < 0 ? error_of(r) : WASI_SUCCESS;
}

/* Writes a result to the application. */
static wasi_errno put(app_ptr to, const void *value, size_t n)
{
	return app_write(to, value, n) ? WASI_FAULT : WASI_SUCCESS;
}

static wasi_errno put32(app_ptr to, uint32_t v) { return put(to, &v, 4); }
static wasi_errno put64(app_ptr to, uint64_t v) { return put(to, &v, 8); }

/* Rights. */
#define RIGHT_FD_DATASYNC             (1ull << 0)
#define RIGHT_FD_READ                 (1ull << 1)
#define RIGHT_FD_SEEK                 (1ull << 2)
#define RIGHT_FD_TELL                 (1ull << 5)
#define RIGHT_FD_WRITE                (1ull << 6)
#define RIGHT_FD_ALLOCATE             (1ull << 8)
#define RIGHT_FD_FILESTAT_SET_SIZE    (1ull << 22)
#define RIGHT_POLL                    (1ull << 27)
#define RIGHTS_ALL                    ((1ull << 30) - 1)

/* What directories, and what other files are good for. */
#define RIGHTS_DIR  (RIGHTS_ALL & ~(RIGHT_FD_READ | RIGHT_FD_SEEK | RIGHT_FD_TELL | RIGHT_FD_WRITE | \
	RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE | 1ull << 28 | 1ull << 29))
#define RIGHTS_FILE (0x1ull << 0 | RIGHT_FD_READ | RIGHT_FD_SEEK | 1ull << 3 | 1ull << 4 | RIGHT_FD_TELL | \
	RIGHT_FD_WRITE | 1ull << 7 | RIGHT_FD_ALLOCATE | 1ull << 21 | RIGHT_FD_FILESTAT_SET_SIZE | 1ull << 23 | RIGHT_POLL)

enum { TYPE_UNKNOWN, TYPE_BLOCK, TYPE_CHARACTER, TYPE_DIRECTORY, TYPE_REGULAR, TYPE_DATAGRAM, TYPE_STREAM, TYPE_LINK };

/* The application's descriptors. */
struct descriptor {
	int host;		/* the kernel's, -1 for none */
	uint32_t namelen;
	char *name;		/* of a directory that the application begins with, else 0 */
};

static struct descriptor *table;
static uint32_t table_size;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static int host_of(uint32_t fd)
{
	pthread_mutex_lock(&table_lock);
	int host = fd < table_size ? table[fd].host : -1;
	pthread_mutex_unlock(&table_lock);
	return host;
}

#define HOST(fd) \
	int host = host_of(fd); \
	if (host < 0) return WASI_BADF

/* Gives a descriptor of the kernel's the lowest number that is free, or closes it. */
static wasi_errno add(int host, char *name, uint32_t *fd)
{
	wasi_errno e = WASI_SUCCESS;
	pthread_mutex_lock(&table_lock);
	uint32_t i = 0;
	while (i < table_size && table[i].host >= 0) i++;
	if (i == table_size) {
		uint32_t size = table_size ? 2 * table_size : 16;
		struct descriptor *larger = realloc(table, size * sizeof *table);
		if (larger) {
			table = larger;
			while (table_size < size) table[table_size++] = (struct descriptor){ .host = -1 };
		} else {
			e = WASI_NFILE;
		}
	}
	if (!e) {
		table[i] = (struct descriptor){ .host = host, .name = name, .namelen = name ? strlen(name) : 0 };
		*fd = i;
	}
	pthread_mutex_unlock(&table_lock);
	if (e) close(host);
	return e;
}

static _Noreturn void fail(const char *what, const char *which)
{
	dprintf(2, "wasi.wasm: %s%s%s: %s\n", what, which ? " " : "", which ? which : "", strerror(errno));
	_exit(125);
}

static void add_directory(const char *option)
{
	const char *separator = strstr(option, "::");
	size_t n = separator ? (size_t)(separator - option) : strlen(option);
	char *host = strndup(option, n), *guest = strdup(separator ? separator + 2 : option);
	if (!host || !guest) fail("--dir", option);
	int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) fail("--dir", host);
	uint32_t number;
	if (add(fd, guest, &number)) fail("--dir", host);
	free(host);
}

static void add_inherited(const char *option)
{
	char *end;
	long fd = strtol(option, &end, 10);
	uint32_t number;
	if (*end || end == option) errno = EINVAL;
	else if (fcntl(fd, F_GETFD) >= 0 && !add(fd, 0, &number)) return;
	fail("--fd", option);
}

LAYER_ENTRY("layer_main")
void layer_main(int argc, char **argv)
{
	uint32_t number;
	int closed[3];
	for (int fd = 0; fd < 3; fd++) {
		closed[fd] = fcntl(fd, F_GETFD) < 0;
		if (add(fd, 0, &number)) fail("descriptors", 0);
	}
	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !strcmp(argv[i], "--dir")) add_directory(argv[++i]);
		else if (i + 1 < argc && !strcmp(argv[i], "--fd")) add_inherited(argv[++i]);
		else {
			errno = EINVAL;
			fail("argument", argv[i]);
		}
	}
	/* A stream that is closed has kept its number for itself until here. */
	for (int fd = 0; fd < 3; fd++) if (closed[fd]) table[fd].host = -1;
}

/* Arguments and environment. */

int wali_argc(void) __WALI_IMPORT("__cl_get_argc");
int wali_argv_len(int) __WALI_IMPORT("__cl_get_argv_len");
int wali_copy_argv(char *, int) __WALI_IMPORT("__cl_copy_argv");

WASI("args_sizes_get") wasi_errno args_sizes_get(app_ptr count, app_ptr size)
{
	uint32_t n = wali_argc(), bytes = 0;
	for (uint32_t i = 0; i < n; i++) bytes += wali_argv_len(i) + 1;
	wasi_errno e = put32(count, n);
	return e ? e : put32(size, bytes);
}

WASI("args_get") wasi_errno args_get(app_ptr argv, app_ptr strings)
{
	uint32_t n = wali_argc();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = wali_argv_len(i);
		char *arg = malloc(len + 1);
		if (!arg) return WASI_NOMEM;
		wali_copy_argv(arg, i);
		arg[len] = 0;
		wasi_errno e = put32(argv + 4 * i, strings);
		if (!e) e = put(strings, arg, len + 1);
		free(arg);
		if (e) return e;
		strings += len + 1;
	}
	return WASI_SUCCESS;
}

WASI("environ_sizes_get") wasi_errno environ_sizes_get(app_ptr count, app_ptr size)
{
	uint32_t n = 0, bytes = 0;
	for (; environ[n]; n++) bytes += strlen(environ[n]) + 1;
	wasi_errno e = put32(count, n);
	return e ? e : put32(size, bytes);
}

WASI("environ_get") wasi_errno environ_get(app_ptr list, app_ptr strings)
{
	for (uint32_t i = 0; environ[i]; i++) {
		uint32_t len = strlen(environ[i]) + 1;
		wasi_errno e = put32(list + 4 * i, strings);
		if (!e) e = put(strings, environ[i], len);
		if (e) return e;
		strings += len;
	}
	return WASI_SUCCESS;
}

/* Clocks. */

static int clock_of(uint32_t id, clockid_t *clock)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	if (id >= sizeof clocks / sizeof *clocks) return 0;
	*clock = clocks[id];
	return 1;
}

#define SECOND 1000000000ull

static uint64_t nanoseconds(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

WASI("clock_res_get") wasi_errno clock_res_get(uint32_t id, app_ptr resolution)
{
	clockid_t clock;
	struct timespec t;
	if (!clock_of(id, &clock)) return WASI_INVAL;
	long r = layer_syscall(SYS_clock_getres, clock, &t);
	return r < 0 ? error_of(r) : put64(resolution, nanoseconds(&t));
}

WASI("clock_time_get") wasi_errno clock_time_get(uint32_t id, uint64_t precision, app_ptr time)
{
	clockid_t clock;
	struct timespec t;
	if (!clock_of(id, &clock)) return WASI_INVAL;
	long r = layer_syscall(SYS_clock_gettime, clock, &t);
	return r < 0 ? error_of(r) : put64(time, nanoseconds(&t));
}

/* Descriptors. */

static uint8_t type_of(mode_t mode, int host)
{
	int kind = 0;
	switch (mode & S_IFMT) {
	case S_IFBLK: return TYPE_BLOCK;
	case S_IFCHR: return TYPE_CHARACTER;
	case S_IFDIR: return TYPE_DIRECTORY;
	case S_IFREG: return TYPE_REGULAR;
	case S_IFLNK: return TYPE_LINK;
	case S_IFSOCK:
		if (host >= 0) getsockopt(host, SOL_SOCKET, SO_TYPE, &kind, &(socklen_t){ sizeof kind });
		return kind == SOCK_DGRAM ? TYPE_DATAGRAM : TYPE_STREAM;
	}
	return TYPE_UNKNOWN;
}

WASI("fd_advise") wasi_errno fd_advise(uint32_t fd, uint64_t offset, uint64_t length, uint32_t advice)
{
	static const int advices[] = { POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM, POSIX_FADV_WILLNEED,
		POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE };
	HOST(fd);
	if (advice >= sizeof advices / sizeof *advices || (int64_t)offset < 0 || (int64_t)length < 0) return WASI_INVAL;
	return status_of(layer_syscall(SYS_fadvise64, host, offset, length, advices[advice]));
}

WASI("fd_allocate") wasi_errno fd_allocate(uint32_t fd, uint64_t offset, uint64_t length)
{
	HOST(fd);
	return status_of(layer_syscall(SYS_fallocate, host, 0, offset, length));
}

WASI("fd_close") wasi_errno fd_close(uint32_t fd)
{
	pthread_mutex_lock(&table_lock);
	struct descriptor old = { .host = -1 };
	if (fd < table_size) {
		old = table[fd];
		table[fd] = (struct descriptor){ .host = -1 };
	}
	pthread_mutex_unlock(&table_lock);
	if (old.host < 0) return WASI_BADF;
	free(old.name);
	return status_of(layer_syscall(SYS_close, old.host));
}

WASI("fd_datasync") wasi_errno fd_datasync(uint32_t fd)
{
	HOST(fd);
	return status_of(layer_syscall(SYS_fdatasync, host));
}

WASI("fd_sync") wasi_errno fd_sync(uint32_t fd)
{
	HOST(fd);
	return status_of(layer_syscall(SYS_fsync, host));
}

enum { FLAG_APPEND = 1, FLAG_DSYNC = 2, FLAG_NONBLOCK = 4, FLAG_RSYNC = 8, FLAG_SYNC = 16, FLAGS_ALL = 31 };

static int flags_to_linux(uint32_t flags)
{
	return (flags & FLAG_APPEND ? O_APPEND : 0) | (flags & FLAG_DSYNC ? O_DSYNC : 0) |
		(flags & FLAG_NONBLOCK ? O_NONBLOCK : 0) | (flags & (FLAG_RSYNC | FLAG_SYNC) ? O_SYNC : 0);
}

static uint16_t flags_from_linux(int flags)
{
	uint16_t f = (flags & O_APPEND ? FLAG_APPEND : 0) | (flags & O_NONBLOCK ? FLAG_NONBLOCK : 0);
	if ((flags & O_SYNC) == O_SYNC) f |= FLAG_SYNC | FLAG_RSYNC;
	else if (flags & O_DSYNC) f |= FLAG_DSYNC;
	return f;
}

WASI("fd_fdstat_get") wasi_errno fd_fdstat_get(uint32_t fd, app_ptr to)
{
	struct { uint8_t type; uint16_t flags; uint64_t base, inheriting; } s = { 0 };
	struct stat st;
	HOST(fd);
	long r = layer_syscall(SYS_fcntl, host, F_GETFL);
	if (r < 0) return error_of(r);
	if (fstat(host, &st)) return error_of(-errno);
	s.type = type_of(st.st_mode, host);
	s.flags = flags_from_linux(r);
	if (s.type == TYPE_DIRECTORY) {
		s.base = RIGHTS_DIR;
		s.inheriting = RIGHTS_DIR | RIGHTS_FILE;
	} else {
		s.base = RIGHTS_FILE;
		if (s.type == TYPE_STREAM || s.type == TYPE_DATAGRAM) s.base |= 1ull << 28 | 1ull << 29;
		if (s.type != TYPE_REGULAR && lseek(host, 0, SEEK_CUR) < 0) s.base &= ~(RIGHT_FD_SEEK | RIGHT_FD_TELL);
		/* A terminal can be sought in on Linux, without any effect. */
		if (s.type == TYPE_CHARACTER) s.base &= ~(RIGHT_FD_SEEK | RIGHT_FD_TELL);
		if ((r & O_ACCMODE) == O_WRONLY) s.base &= ~RIGHT_FD_READ;
		if ((r & O_ACCMODE) == O_RDONLY)
			s.base &= ~(RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE);
	}
	return put(to, &s, sizeof s);
}

WASI("fd_fdstat_set_flags") wasi_errno fd_fdstat_set_flags(uint32_t fd, uint32_t flags)
{
	HOST(fd);
	if (flags & ~FLAGS_ALL) return WASI_INVAL;
	long r = layer_syscall(SYS_fcntl, host, F_GETFL);
	if (r < 0) return error_of(r);
	/* The kernel cannot change these of an open file. */
	if ((flags ^ flags_from_linux(r)) & (FLAG_DSYNC | FLAG_RSYNC | FLAG_SYNC)) return WASI_NOTSUP;
	r = (r & ~(O_APPEND | O_NONBLOCK)) | (flags_to_linux(flags) & (O_APPEND | O_NONBLOCK));
	return status_of(layer_syscall(SYS_fcntl, host, F_SETFL, r));
}

WASI("fd_fdstat_set_rights") wasi_errno fd_fdstat_set_rights(uint32_t fd, uint64_t base, uint64_t inheriting)
{
	HOST(fd);
	return WASI_NOTSUP;
}

static wasi_errno put_stat(app_ptr to, const struct stat *st, int host)
{
	struct { uint64_t dev, ino; uint8_t type; uint64_t nlink, size, atim, mtim, ctim; } s = {
		.dev = st->st_dev, .ino = st->st_ino, .type = type_of(st->st_mode, host), .nlink = st->st_nlink,
		.size = st->st_size, .atim = nanoseconds(&st->st_atim), .mtim = nanoseconds(&st->st_mtim),
		.ctim = nanoseconds(&st->st_ctim),
	};
	return put(to, &s, sizeof s);
}

WASI("fd_filestat_get") wasi_errno fd_filestat_get(uint32_t fd, app_ptr to)
{
	struct stat st;
	HOST(fd);
	if (fstat(host, &st)) return error_of(-errno);
	return put_stat(to, &st, host);
}

WASI("fd_filestat_set_size") wasi_errno fd_filestat_set_size(uint32_t fd, uint64_t size)
{
	HOST(fd);
	return status_of(layer_syscall(SYS_ftruncate, host, size));
}

enum { TIME_ATIM = 1, TIME_ATIM_NOW = 2, TIME_MTIM = 4, TIME_MTIM_NOW = 8 };

static wasi_errno times_of(struct timespec t[2], uint64_t atim, uint64_t mtim, uint32_t flags)
{
	if (flags & ~15u || (flags & 3) == 3 || (flags & 12) == 12) return WASI_INVAL;
	t[0] = (struct timespec){ .tv_nsec = flags & TIME_ATIM_NOW ? UTIME_NOW : UTIME_OMIT };
	t[1] = (struct timespec){ .tv_nsec = flags & TIME_MTIM_NOW ? UTIME_NOW : UTIME_OMIT };
	if (flags & TIME_ATIM) t[0] = (struct timespec){ atim / SECOND, atim % SECOND };
	if (flags & TIME_MTIM) t[1] = (struct timespec){ mtim / SECOND, mtim % SECOND };
	return WASI_SUCCESS;
}

WASI("fd_filestat_set_times") wasi_errno fd_filestat_set_times(uint32_t fd, uint64_t atim, uint64_t mtim, uint32_t flags)
{
	struct timespec t[2];
	HOST(fd);
	wasi_errno e = times_of(t, atim, mtim, flags);
	return e ? e : status_of(layer_syscall(SYS_utimensat, host, 0, t, 0));
}

/* The vectors of the application have the kernel's layout, and go there as they are. */

static wasi_errno transferred(long n, app_ptr to)
{
	return n < 0 ? error_of(n) : put32(to, n);
}

WASI("fd_read") wasi_errno fd_read(uint32_t fd, app_ptr vectors, uint32_t count, app_ptr n)
{
	HOST(fd);
	return transferred(app_syscall(SYS_readv, host, vectors, count), n);
}

WASI("fd_write") wasi_errno fd_write(uint32_t fd, app_ptr vectors, uint32_t count, app_ptr n)
{
	HOST(fd);
	return transferred(app_syscall(SYS_writev, host, vectors, count), n);
}

WASI("fd_pread") wasi_errno fd_pread(uint32_t fd, app_ptr vectors, uint32_t count, uint64_t offset, app_ptr n)
{
	HOST(fd);
	if ((int64_t)offset < 0) return WASI_INVAL;
	return transferred(app_syscall(SYS_preadv, host, vectors, count, offset, 0), n);
}

WASI("fd_pwrite") wasi_errno fd_pwrite(uint32_t fd, app_ptr vectors, uint32_t count, uint64_t offset, app_ptr n)
{
	HOST(fd);
	if ((int64_t)offset < 0) return WASI_INVAL;
	return transferred(app_syscall(SYS_pwritev, host, vectors, count, offset, 0), n);
}

WASI("fd_prestat_get") wasi_errno fd_prestat_get(uint32_t fd, app_ptr to)
{
	struct { uint8_t tag; uint32_t namelen; } s = { 0 };
	wasi_errno e = WASI_BADF;
	pthread_mutex_lock(&table_lock);
	if (fd < table_size && table[fd].host >= 0 && table[fd].name) {
		s.namelen = table[fd].namelen;
		e = WASI_SUCCESS;
	}
	pthread_mutex_unlock(&table_lock);
	return e ? e : put(to, &s, sizeof s);
}

WASI("fd_prestat_dir_name") wasi_errno fd_prestat_dir_name(uint32_t fd, app_ptr to, uint32_t size)
{
	wasi_errno e = WASI_BADF;
	pthread_mutex_lock(&table_lock);
	if (fd < table_size && table[fd].host >= 0 && table[fd].name) {
		if (size < table[fd].namelen) e = WASI_NAMETOOLONG;
		else e = put(to, table[fd].name, table[fd].namelen);
	}
	pthread_mutex_unlock(&table_lock);
	return e;
}

struct wasi_dirent { uint64_t next, ino; uint32_t namelen; uint8_t type; };

static uint8_t type_of_entry(uint8_t type)
{
	switch (type) {
	case DT_BLK: return TYPE_BLOCK;
	case DT_CHR: return TYPE_CHARACTER;
	case DT_DIR: return TYPE_DIRECTORY;
	case DT_REG: return TYPE_REGULAR;
	case DT_LNK: return TYPE_LINK;
	case DT_SOCK: return TYPE_STREAM;
	}
	return TYPE_UNKNOWN;
}

/* Cookies are the kernel's positions in the directory. */
WASI("fd_readdir") wasi_errno fd_readdir(uint32_t fd, app_ptr to, uint32_t size, uint64_t cookie, app_ptr used)
{
	_Alignas(8) char entries[8192];
	uint32_t done = 0;
	HOST(fd);
	long r = layer_syscall(SYS_lseek, host, cookie, SEEK_SET);
	if (r < 0) return error_of(r == -ESPIPE ? -ENOTDIR : r);
	while (done < size) {
		r = layer_syscall(SYS_getdents64, host, entries, sizeof entries);
		if (r < 0) return error_of(r);
		if (r == 0) break;
		for (long at = 0; at < r && done < size;) {
			struct dirent *d = (void *)(entries + at);
			at += d->d_reclen;
			union {
				struct { struct wasi_dirent head; char name[256]; };
				char bytes[sizeof(struct wasi_dirent) + 256];
			} out = { 0 };
			out.head.next = d->d_off;
			out.head.ino = d->d_ino;
			out.head.namelen = strnlen(d->d_name, 255);
			out.head.type = type_of_entry(d->d_type);
			memcpy(out.name, d->d_name, out.head.namelen);
			uint32_t n = sizeof out.head + out.head.namelen;
			if (n > size - done) n = size - done;
			if (app_write(to + done, out.bytes, n)) return WASI_FAULT;
			done += n;
		}
	}
	return put32(used, done);
}

WASI("fd_renumber") wasi_errno fd_renumber(uint32_t from, uint32_t to)
{
	struct descriptor old = { .host = -1 };
	pthread_mutex_lock(&table_lock);
	int known = from < table_size && table[from].host >= 0 && to < table_size && table[to].host >= 0;
	if (known && from != to) {
		old = table[to];
		table[to] = table[from];
		table[from] = (struct descriptor){ .host = -1 };
	}
	pthread_mutex_unlock(&table_lock);
	if (!known) return WASI_BADF;
	if (old.host >= 0) layer_syscall(SYS_close, old.host);
	free(old.name);
	return WASI_SUCCESS;
}

WASI("fd_seek") wasi_errno fd_seek(uint32_t fd, int64_t offset, uint32_t whence, app_ptr position)
{
	static const int origins[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	struct stat st;
	HOST(fd);
	if (whence > 2) return WASI_INVAL;
	if (fstat(host, &st)) return error_of(-errno);
	if (S_ISCHR(st.st_mode)) return WASI_SPIPE;
	if (S_ISDIR(st.st_mode)) return WASI_BADF; /* it has no right to */
	long r = layer_syscall(SYS_lseek, host, offset, origins[whence]);
	return r < 0 ? error_of(r) : put64(position, r);
}

WASI("fd_tell") wasi_errno fd_tell(uint32_t fd, app_ptr position)
{
	return fd_seek(fd, 0, 1, position);
}

/* Paths. */

#define FOLLOW 1	/* lookupflags: symlink_follow */

struct path {
	int dir;
	char name[PATH_MAX];
};

static wasi_errno get_path(struct path *p, uint32_t fd, app_ptr path, uint32_t len)
{
	HOST(fd);
	p->dir = host;
	if (len >= sizeof p->name) return WASI_NAMETOOLONG;
	if (app_read(p->name, path, len)) return WASI_FAULT;
	if (memchr(p->name, 0, len)) return WASI_INVAL;
	p->name[len] = 0;
	return len ? WASI_SUCCESS : WASI_NOENT;
}

/* Opens a path below a directory. The result is a descriptor or -errno. */
static long open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC), .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long r;
	int tries = 0;
	/* EAGAIN means that something was renamed meanwhile, so that the kernel is not sure. */
	do r = layer_syscall(SYS_openat2, dir, path, &how, sizeof how);
	while (r == -EAGAIN && ++tries < 1000);
	return r == -EXDEV ? -EPERM : r;
}

/* Splits a path into its parent, which is opened, and its last component, with slashes that
 * follow it. */
static wasi_errno open_parent(struct path *p, const char **last, int *parent)
{
	size_t end = strlen(p->name), i;
	if (p->name[0] == '/') return WASI_PERM;
	while (end > 1 && p->name[end-1] == '/') end--;
	for (i = end; i > 0 && p->name[i-1] != '/'; i--);
	*last = p->name + i;
	/* The directory itself, or one above it, which a component of its own must not name. */
	if ((end - i == 1 && p->name[i] == '.') || (end - i == 2 && !memcmp(p->name + i, "..", 2))) {
		long r = open_beneath(p->dir, p->name, O_PATH | O_DIRECTORY, 0);
		if (r < 0) return error_of(r);
		close(r);
		return WASI_INVAL;
	}
	const char *dir = ".";
	if (i) {
		p->name[i-1] = 0;
		dir = *p->name ? p->name : ".";
	}
	long r = open_beneath(p->dir, dir, O_PATH | O_DIRECTORY, 0);
	if (r < 0) return error_of(r);
	*parent = r;
	return WASI_SUCCESS;
}

#define PATH(p, fd, at, len) \
	struct path p; \
	wasi_errno e = get_path(&p, fd, at, len); \
	if (e) return e

#define PARENT(p, last, parent) \
	const char *last; \
	int parent; \
	e = open_parent(&p, &last, &parent); \
	if (e) return e

WASI("path_create_directory") wasi_errno path_create_directory(uint32_t fd, app_ptr path, uint32_t len)
{
	PATH(p, fd, path, len);
	PARENT(p, last, parent);
	long r = layer_syscall(SYS_mkdirat, parent, last, 0777);
	close(parent);
	return status_of(r);
}

WASI("path_remove_directory") wasi_errno path_remove_directory(uint32_t fd, app_ptr path, uint32_t len)
{
	PATH(p, fd, path, len);
	PARENT(p, last, parent);
	long r = layer_syscall(SYS_unlinkat, parent, last, AT_REMOVEDIR);
	close(parent);
	return status_of(r);
}

WASI("path_unlink_file") wasi_errno path_unlink_file(uint32_t fd, app_ptr path, uint32_t len)
{
	PATH(p, fd, path, len);
	PARENT(p, last, parent);
	long r = layer_syscall(SYS_unlinkat, parent, last, 0);
	close(parent);
	return status_of(r);
}

WASI("path_filestat_get") wasi_errno path_filestat_get(uint32_t fd, uint32_t flags, app_ptr path, uint32_t len, app_ptr to)
{
	struct stat st;
	PATH(p, fd, path, len);
	long file = open_beneath(p.dir, p.name, O_PATH | (flags & FOLLOW ? 0 : O_NOFOLLOW), 0);
	if (file < 0) return error_of(file);
	long r = fstat(file, &st) ? -errno : 0;
	close(file);
	return r < 0 ? error_of(r) : put_stat(to, &st, -1);
}

WASI("path_filestat_set_times")
wasi_errno path_filestat_set_times(uint32_t fd, uint32_t flags, app_ptr path, uint32_t len, uint64_t atim, uint64_t mtim,
	uint32_t which)
{
	struct timespec t[2];
	PATH(p, fd, path, len);
	e = times_of(t, atim, mtim, which);
	if (e) return e;
	long file = open_beneath(p.dir, p.name, O_PATH | (flags & FOLLOW ? 0 : O_NOFOLLOW), 0);
	if (file < 0) return error_of(file);
	long r = layer_syscall(SYS_utimensat, file, "", t, AT_EMPTY_PATH);
	close(file);
	return status_of(r);
}

WASI("path_link")
wasi_errno path_link(uint32_t old_fd, uint32_t old_flags, app_ptr old_path, uint32_t old_len, uint32_t new_fd, app_ptr new_path,
	uint32_t new_len)
{
	if (old_flags & FOLLOW) return WASI_INVAL; /* as other engines have it */
	PATH(from, old_fd, old_path, old_len);
	struct path to;
	e = get_path(&to, new_fd, new_path, new_len);
	if (e) return e;
	PARENT(from, old_last, old_parent);
	const char *new_last;
	int new_parent;
	e = open_parent(&to, &new_last, &new_parent);
	if (!e) {
		/* A slash behind a name makes the kernel follow it. */
		if (strchr(old_last, '/')) e = WASI_NOTDIR;
		else e = status_of(layer_syscall(SYS_linkat, old_parent, old_last, new_parent, new_last, 0));
		close(new_parent);
	}
	close(old_parent);
	return e;
}

enum { OPEN_CREAT = 1, OPEN_DIRECTORY = 2, OPEN_EXCL = 4, OPEN_TRUNC = 8 };

WASI("path_open")
wasi_errno path_open(uint32_t fd, uint32_t dirflags, app_ptr path, uint32_t len, uint32_t oflags, uint64_t base,
	uint64_t inheriting, uint32_t fdflags, app_ptr opened)
{
	PATH(p, fd, path, len);
	if (oflags & ~15u || fdflags & ~FLAGS_ALL) return WASI_INVAL;
	int flags = flags_to_linux(fdflags) | O_NOCTTY;
	/* Go asks for the right to set the size of files that it only reads. */
	int writes = !!(base & RIGHT_FD_WRITE);
	int reads = !!(base & RIGHT_FD_READ);
	if (oflags & OPEN_DIRECTORY) {
		if (oflags & (OPEN_CREAT | OPEN_EXCL | OPEN_TRUNC)) return WASI_INVAL;
		flags |= O_DIRECTORY | O_RDONLY;
	} else {
		flags |= writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
	}
	if (oflags & OPEN_CREAT) flags |= O_CREAT;
	if (oflags & OPEN_EXCL) flags |= O_EXCL;
	if (oflags & OPEN_TRUNC) flags |= O_TRUNC;
	if (!(dirflags & FOLLOW)) flags |= O_NOFOLLOW;
	long r = open_beneath(p.dir, p.name, flags, oflags & OPEN_CREAT ? 0666 : 0);
	/* Many ask for all rights that a file can have, of a directory as well. */
	if (r == -EISDIR && writes && !(oflags & (OPEN_CREAT | OPEN_TRUNC)) && reads)
		r = open_beneath(p.dir, p.name, (flags & ~O_ACCMODE) | O_RDONLY | O_DIRECTORY, 0);
	if (r < 0) return error_of(r);
	uint32_t number;
	e = add(r, 0, &number);
	return e ? e : put32(opened, number);
}

WASI("path_readlink")
wasi_errno path_readlink(uint32_t fd, app_ptr path, uint32_t len, app_ptr to, uint32_t size, app_ptr used)
{
	PATH(p, fd, path, len);
	long file = open_beneath(p.dir, p.name, O_PATH | O_NOFOLLOW, 0);
	if (file < 0) return error_of(file);
	char target[PATH_MAX];
	long n = layer_syscall(SYS_readlinkat, file, "", target, sizeof target);
	close(file);
	if (n == -ENOENT) n = -EINVAL; /* no link */
	if (n < 0) return error_of(n);
	if (n > size) n = size;
	if (app_write(to, target, n)) return WASI_FAULT;
	return put32(used, n);
}

WASI("path_rename")
wasi_errno path_rename(uint32_t old_fd, app_ptr old_path, uint32_t old_len, uint32_t new_fd, app_ptr new_path, uint32_t new_len)
{
	PATH(from, old_fd, old_path, old_len);
	struct path to;
	e = get_path(&to, new_fd, new_path, new_len);
	if (e) return e;
	PARENT(from, old_last, old_parent);
	const char *new_last;
	int new_parent;
	e = open_parent(&to, &new_last, &new_parent);
	if (!e) {
		e = status_of(layer_syscall(SYS_renameat, old_parent, old_last, new_parent, new_last));
		close(new_parent);
	}
	close(old_parent);
	return e;
}

WASI("path_symlink") wasi_errno path_symlink(app_ptr target, uint32_t target_len, uint32_t fd, app_ptr path, uint32_t len)
{
	char text[PATH_MAX];
	PATH(p, fd, path, len);
	if (target_len >= sizeof text) return WASI_NAMETOOLONG;
	if (app_read(text, target, target_len)) return WASI_FAULT;
	text[target_len] = 0;
	if (memchr(text, 0, target_len)) return WASI_INVAL;
	if (text[0] == '/') return WASI_PERM; /* as other engines have it */
	PARENT(p, last, parent);
	long r = layer_syscall(SYS_symlinkat, text, parent, last);
	close(parent);
	return status_of(r);
}

/* poll_oneoff. */

enum { EVENT_CLOCK, EVENT_READ, EVENT_WRITE };

struct subscription {
	uint64_t userdata;
	uint8_t tag;
	union {
		struct { uint32_t id; uint64_t timeout, precision; uint16_t flags; } clock;
		uint32_t fd;
	};
};

struct event {
	uint64_t userdata;
	uint16_t error;
	uint8_t type;
	uint64_t nbytes;
	uint16_t flags;
};

_Static_assert(sizeof(struct subscription) == 48 && sizeof(struct event) == 32, "layouts of the specification");

static uint64_t now_of(clockid_t clock)
{
	struct timespec t;
	layer_syscall(SYS_clock_gettime, clock, &t);
	return nanoseconds(&t);
}

/* What a subscription waits for: a time of its clock, or its entry among the files. */
struct wait {
	clockid_t clock;
	uint64_t until;
	int file;	/* -1 for none */
};

static struct event event_of(const struct subscription *s, const struct wait *w, const struct pollfd *f)
{
	struct event v = { .userdata = s->userdata, .type = s->tag };
	int n = 0;
	if (f->revents & POLLNVAL) v.error = WASI_BADF;
	else if (f->revents & POLLERR && s->tag == EVENT_READ) v.error = WASI_SUCCESS;
	if (f->revents & POLLHUP) v.flags = 1;
	if (s->tag == EVENT_READ) {
		struct stat st;
		off_t at;
		if (!fstat(f->fd, &st) && S_ISREG(st.st_mode)) {
			at = lseek(f->fd, 0, SEEK_CUR);
			v.nbytes = at >= 0 && at < st.st_size ? st.st_size - at : 0;
		} else if (!ioctl(f->fd, FIONREAD, &n) && n > 0) {
			v.nbytes = n;
		}
	}
	return v;
}

static long wait_for(struct subscription *list, struct wait *waits, struct pollfd *files, uint32_t count, struct event *events)
{
	uint32_t nfiles = 0, n = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct subscription *s = &list[i];
		struct wait *w = &waits[i];
		struct event failed = { .userdata = s->userdata, .type = s->tag };
		w->file = -1;
		switch (s->tag) {
		case EVENT_CLOCK:
			if (s->clock.id > 1 || s->clock.flags & ~1u) {
				failed.error = WASI_INVAL;
				break;
			}
			w->clock = s->clock.id ? CLOCK_MONOTONIC : CLOCK_REALTIME;
			w->until = s->clock.timeout;
			if (!(s->clock.flags & 1)) {
				uint64_t now = now_of(w->clock);
				w->until = s->clock.timeout > UINT64_MAX - now ? UINT64_MAX : now + s->clock.timeout;
			}
			continue;
		case EVENT_READ:
		case EVENT_WRITE: {
			int host = host_of(s->fd);
			if (host < 0) {
				failed.error = WASI_BADF;
				break;
			}
			w->file = nfiles;
			files[nfiles++] = (struct pollfd){ .fd = host, .events = s->tag == EVENT_READ ? POLLIN : POLLOUT };
			continue;
		}
		default:
			return -EINVAL;
		}
		events[n++] = failed;
		w->file = -2; /* done */
	}
	for (;;) {
		/* With an event at hand only those count that have happened already. */
		uint64_t soonest = n ? 0 : UINT64_MAX;
		for (uint32_t i = 0; i < count; i++) {
			if (list[i].tag != EVENT_CLOCK || waits[i].file == -2) continue;
			uint64_t now = now_of(waits[i].clock), left = waits[i].until > now ? waits[i].until - now : 0;
			if (left < soonest) soonest = left;
		}
		struct timespec t = { soonest / SECOND, soonest % SECOND };
		long r = layer_syscall(SYS_ppoll, files, nfiles, soonest == UINT64_MAX ? 0 : &t, 0, 8);
		if (r == -EINTR) continue;
		if (r < 0) return r;
		for (uint32_t i = 0; i < count; i++) {
			if (waits[i].file == -2) continue;
			if (list[i].tag == EVENT_CLOCK) {
				if (now_of(waits[i].clock) >= waits[i].until)
					events[n++] = (struct event){ .userdata = list[i].userdata, .type = EVENT_CLOCK };
			} else if (files[waits[i].file].revents) {
				events[n++] = event_of(&list[i], &waits[i], &files[waits[i].file]);
			}
		}
		if (n) return n;
	}
}

WASI("poll_oneoff") wasi_errno poll_oneoff(app_ptr in, app_ptr out, uint32_t count, app_ptr happened)
{
	if (count == 0) return WASI_INVAL;
	if (count > 1 << 20) return WASI_NOMEM;
	struct subscription *list = malloc(count * sizeof *list);
	struct wait *waits = calloc(count, sizeof *waits);
	struct pollfd *files = calloc(count, sizeof *files);
	struct event *events = calloc(count, sizeof *events);
	wasi_errno e = WASI_NOMEM;
	if (list && waits && files && events) {
		e = WASI_FAULT;
		if (!app_read(list, in, count * sizeof *list)) {
			long n = wait_for(list, waits, files, count, events);
			e = n < 0 ? error_of(n) : put(out, events, n * sizeof *events);
			if (!e) e = put32(happened, n);
		}
	}
	free(list);
	free(waits);
	free(files);
	free(events);
	return e;
}

/* The process. */

WASI("proc_exit") void proc_exit(uint32_t status)
{
	for (;;) layer_syscall(SYS_exit_group, status);
}

WASI("proc_raise") wasi_errno proc_raise(uint32_t signal)
{
	/* By the specification's numbers. */
	static const uint8_t signals[] = { 0, SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1,
		SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU,
		SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGPOLL, SIGPWR, SIGSYS };
	if (signal >= sizeof signals) return WASI_INVAL;
	return status_of(layer_syscall(SYS_tgkill, layer_syscall(SYS_getpid), layer_syscall(SYS_gettid), signals[signal]));
}

WASI("sched_yield") wasi_errno wasi_sched_yield(void)
{
	return status_of(layer_syscall(SYS_sched_yield));
}

WASI("random_get") wasi_errno random_get(app_ptr to, uint32_t size)
{
	while (size) {
		/* The kernel gives up to 256 bytes without a pause that a signal may end. */
		long n = app_syscall(SYS_getrandom, to, size, 0);
		if (n == -EINTR) continue;
		if (n < 0) return error_of(n);
		to += n;
		size -= n;
	}
	return WASI_SUCCESS;
}

/* Sockets. */

WASI("sock_accept") wasi_errno sock_accept(uint32_t fd, uint32_t flags, app_ptr accepted)
{
	HOST(fd);
	if (flags & ~FLAG_NONBLOCK) return WASI_INVAL;
	long r = layer_syscall(SYS_accept4, host, 0, 0, SOCK_CLOEXEC | (flags & FLAG_NONBLOCK ? SOCK_NONBLOCK : 0));
	if (r < 0) return error_of(r);
	uint32_t number;
	wasi_errno e = add(r, 0, &number);
	return e ? e : put32(accepted, number);
}

enum { RECV_PEEK = 1, RECV_WAITALL = 2, RECV_TRUNCATED = 1 };

struct vector { uint32_t at, n; };

/* A message goes through a buffer of ours, since the kernel wants a message's head where its
 * vectors are. This is how much of a message is taken at most. */
#define MESSAGE_MAX (1 << 20)

/* Reads the application's vectors. Returns how many bytes they have together, or -errno. */
static long get_vectors(struct vector *list, app_ptr vectors, uint32_t count)
{
	uint64_t total = 0;
	if (count > IOV_MAX) return -EINVAL;
	if (app_read(list, vectors, count * sizeof *list)) return -EFAULT;
	for (uint32_t i = 0; i < count; i++) total += list[i].n;
	return total > MESSAGE_MAX ? MESSAGE_MAX : (long)total;
}

WASI("sock_recv")
wasi_errno sock_recv(uint32_t fd, app_ptr vectors, uint32_t count, uint32_t flags, app_ptr received, app_ptr out_flags)
{
	struct vector list[IOV_MAX];
	HOST(fd);
	if (flags & ~3u) return WASI_INVAL;
	long size = get_vectors(list, vectors, count);
	if (size < 0) return error_of(size);
	char *buf = malloc(size ? size : 1);
	if (!buf) return WASI_NOMEM;
	struct iovec own = { buf, size };
	struct msghdr m = { .msg_iov = &own, .msg_iovlen = 1 };
	long n = layer_syscall(SYS_recvmsg, host, &m, (flags & RECV_PEEK ? MSG_PEEK : 0) | (flags & RECV_WAITALL ? MSG_WAITALL : 0));
	wasi_errno e = status_of(n);
	for (long done = 0, i = 0; !e && done < n; i++) {
		long part = list[i].n < n - done ? list[i].n : n - done;
		e = put(list[i].at, buf + done, part);
		done += part;
	}
	free(buf);
	uint16_t truncated = m.msg_flags & MSG_TRUNC ? RECV_TRUNCATED : 0;
	if (!e) e = put32(received, n);
	return e ? e : put(out_flags, &truncated, 2);
}

WASI("sock_send") wasi_errno sock_send(uint32_t fd, app_ptr vectors, uint32_t count, uint32_t flags, app_ptr sent)
{
	struct vector list[IOV_MAX];
	HOST(fd);
	if (flags) return WASI_INVAL;
	long size = get_vectors(list, vectors, count);
	if (size < 0) return error_of(size);
	char *buf = malloc(size ? size : 1);
	if (!buf) return WASI_NOMEM;
	wasi_errno e = WASI_SUCCESS;
	for (long done = 0, i = 0; !e && done < size; i++) {
		long part = list[i].n < size - done ? list[i].n : size - done;
		if (app_read(buf + done, list[i].at, part)) e = WASI_FAULT;
		done += part;
	}
	long n = e ? 0 : layer_syscall(SYS_sendto, host, buf, size, MSG_NOSIGNAL, 0, 0);
	free(buf);
	return e ? e : transferred(n, sent);
}

WASI("sock_shutdown") wasi_errno sock_shutdown(uint32_t fd, uint32_t how)
{
	HOST(fd);
	if (how < 1 || how > 3) return WASI_INVAL;
	return status_of(layer_syscall(SYS_shutdown, host, how == 1 ? SHUT_RD : how == 2 ? SHUT_WR : SHUT_RDWR));
}
