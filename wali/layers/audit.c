/* Writes a line for each file that is opened, each program that is executed and each
 * connection that is made.
 *
 * arguments: [DESCRIPTOR], to which the lines go; standard error if there is none.
 *
 * A call is made with the copy of the path that the line shows. The layer has a duplicate of
 * the descriptor under a number that the application can neither close nor replace; programs
 * that it executes have it as well. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wali/layer.h>

#define CALL(name) LAYER_PROVIDES("wali.SYS_" #name)

/* The number of the duplicate. */
enum { OUTPUT = 960 };

/* A line, which is written at once. What does not fit is left out. */
struct line {
	size_t n;
	char text[4096];
};

__attribute__((__format__(__printf__, 2, 3)))
static void add(struct line *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t room = sizeof l->text - l->n;
	int n = vsnprintf(l->text + l->n, room, format, args);
	va_end(args);
	l->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Adds a string in quotes, which cannot begin a new line. */
static void add_quoted(struct line *l, const char *s, size_t n)
{
	add(l, " \"");
	for (; n; s++, n--) {
		unsigned char c = *s;
		if (c == '"' || c == '\\') add(l, "\\%c", c);
		else if (c < ' ' || c > '~') add(l, "\\x%02x", c);
		else add(l, "%c", c);
	}
	add(l, "\"");
}

static void begin(struct line *l, const char *what)
{
	l->n = 0;
	add(l, "%ld %s", layer_syscall(SYS_getpid), what);
}

static long end(struct line *l, long result)
{
	add(l, result < 0 ? " = %s" : " = %.0s%ld", result < 0 ? strerror(-result) : "", result);
	if (l->n > sizeof l->text - 2) l->n = sizeof l->text - 2;
	l->text[l->n++] = '\n';
	layer_syscall(SYS_write, OUTPUT, l->text, l->n);
	return result;
}

static const char *mode_of(uint64_t flags)
{
	static const char *const modes[] = { "read", "write", "readwrite", "ioctl" };
	return flags & O_PATH ? "path" : modes[flags & 3];
}

static long opened(int dir, app_ptr at, uint64_t flags, uint64_t mode, const struct open_how *how)
{
	struct line l;
	char path[PATH_MAX];
	long n = app_string(path, at, sizeof path);
	begin(&l, "open");
	if (n < 0) {
		add(&l, " ?");
	} else {
		add_quoted(&l, path, n);
		if (*path != '/' && dir != AT_FDCWD) add(&l, " from %d", dir);
	}
	add(&l, " %s%s%s", mode_of(flags), flags & O_CREAT ? " create" : "", flags & O_TRUNC ? " truncate" : "");
	if (n < 0) return end(&l, n);
	return end(&l, how ? layer_syscall(SYS_openat2, dir, path, how, sizeof *how) : layer_syscall(SYS_openat, dir, path, flags, mode));
}

CALL(open) long call_open(app_ptr path, int flags, int mode) { return opened(AT_FDCWD, path, flags, mode, 0); }
CALL(openat) long call_openat(int dir, app_ptr path, int flags, int mode) { return opened(dir, path, flags, mode, 0); }
CALL(creat) long call_creat(app_ptr path, int mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0); }

CALL(openat2) long call_openat2(int dir, app_ptr path, app_ptr at, int size)
{
	struct open_how how;
	if ((unsigned)size < sizeof how) return -EINVAL;
	if ((unsigned)size > sizeof how) return -E2BIG;
	if (app_read(&how, at, sizeof how)) return -EFAULT;
	return opened(dir, path, how.flags, how.mode, &how);
}

CALL(open_by_handle_at) long call_open_by_handle_at(int mount, app_ptr handle, int flags)
{
	struct line l;
	begin(&l, "open");
	add(&l, " by handle from %d %s", mount, mode_of(flags));
	return end(&l, app_syscall(SYS_open_by_handle_at, mount, handle, flags));
}

/* One that works shows in layer_main of the new program, and what it names there is true. */
static long failed(long result, app_ptr at)
{
	struct line l;
	char path[PATH_MAX];
	long n = app_string(path, at, sizeof path);
	begin(&l, "exec");
	if (n < 0) add(&l, " ?");
	else add_quoted(&l, path, n);
	return end(&l, result);
}

CALL(execve) long call_execve(app_ptr path, app_ptr args, app_ptr env)
{
	return failed(app_syscall(SYS_execve, path, args, env), path);
}

CALL(execveat) long call_execveat(int dir, app_ptr path, app_ptr args, app_ptr env, int flags)
{
	return failed(app_syscall(SYS_execveat, dir, path, args, env, flags), path);
}

CALL(connect) long call_connect(int fd, app_ptr at, int size)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_un *un = (void *)&address;
	struct sockaddr_in *in = (void *)&address;
	struct sockaddr_in6 *in6 = (void *)&address;
	const int head = offsetof(struct sockaddr_un, sun_path);
	char text[INET6_ADDRSTRLEN];
	struct line l;
	if ((unsigned)size > sizeof address) return -EINVAL;
	if (app_read(&address, at, size)) return -EFAULT;
	begin(&l, "connect");
	add(&l, " %d", fd);
	switch (address.ss_family) {
	case AF_UNIX: {
		size_t n = size > head ? size - head : 0;
		if (n && un->sun_path[0]) n = strnlen(un->sun_path, n);
		add_quoted(&l, un->sun_path, n);
		break;
	}
	case AF_INET:
		add(&l, " %s:%d", inet_ntop(AF_INET, &in->sin_addr, text, sizeof text), ntohs(in->sin_port));
		break;
	case AF_INET6:
		add(&l, " [%s]:%d", inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text), ntohs(in6->sin6_port));
		break;
	default:
		add(&l, " family %d", address.ss_family);
	}
	return end(&l, layer_syscall(SYS_connect, fd, &address, size));
}

/* The duplicate stays. */

CALL(close) long call_close(int fd) { return fd == OUTPUT ? -EBADF : layer_syscall(SYS_close, fd); }
CALL(dup2) long call_dup2(int from, int to) { return to == OUTPUT ? -EBADF : layer_syscall(SYS_dup2, from, to); }
CALL(dup3) long call_dup3(int from, int to, int flags) { return to == OUTPUT ? -EBADF : layer_syscall(SYS_dup3, from, to, flags); }

CALL(close_range) long call_close_range(unsigned first, unsigned last, int flags)
{
	if (first > last || first > OUTPUT || last < OUTPUT) return layer_syscall(SYS_close_range, first, last, flags);
	long r = first < OUTPUT ? layer_syscall(SYS_close_range, first, OUTPUT - 1, flags) : 0;
	return r || last == OUTPUT ? r : layer_syscall(SYS_close_range, OUTPUT + 1, last, flags);
}

CALL(fcntl) long call_fcntl(int fd, int command, long arg)
{
	if (fd == OUTPUT && command == F_SETFD) return -EBADF;
	return app_syscall(SYS_fcntl, fd, command, arg);
}

CALL(ioctl) long call_ioctl(int fd, int request, app_ptr arg)
{
	enum { CLOEXEC = 0x5451 };
	if (fd == OUTPUT && request == CLOEXEC) return -EBADF;
	return app_syscall(SYS_ioctl, fd, request, arg);
}

LAYER_ENTRY("layer_main") void layer_main(int argc, char **argv)
{
	struct line l;
	char path[PATH_MAX];
	if (layer_syscall(SYS_fcntl, OUTPUT, F_GETFD, 0) < 0) {
		int to = argc > 1 ? atoi(argv[1]) : 2;
		/* Not dup2: whoever has lowered the limit would go unheard. */
		long r = layer_syscall(SYS_fcntl, to, F_DUPFD, OUTPUT);
		if (r != OUTPUT) {
			dprintf(2, "audit.wasm: descriptor %d cannot be duplicated as %d: %s\n", to, OUTPUT, r < 0 ? strerror(-r) : "it is taken");
			_exit(125);
		}
	}
	long n = layer_syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof path);
	begin(&l, "exec");
	if (n < 0) add(&l, " ?");
	else add_quoted(&l, path, n);
	end(&l, 0);
}
