// What the test programs share: printing results in a form that two C libraries agree on.
#ifndef COMMON_H
#define COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// errno_name names the usual errors; the texts of strerror differ between C libraries.
static inline const char *errno_name(int e)
{
	static char other[32];
#define NAME(x) case x: return #x;
	switch (e) {
	case 0: return "0";
	NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG)
	NAME(ENOEXEC) NAME(EBADF) NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES)
	NAME(EFAULT) NAME(ENOTBLK) NAME(EBUSY) NAME(EEXIST) NAME(EXDEV) NAME(ENODEV)
	NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY)
	NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK)
	NAME(EPIPE) NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK)
	NAME(ENOSYS) NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENODATA) NAME(ETIME) NAME(EOVERFLOW)
	NAME(EILSEQ) NAME(ENOTSOCK) NAME(EDESTADDRREQ) NAME(EMSGSIZE) NAME(EPROTOTYPE)
	NAME(ENOPROTOOPT) NAME(EPROTONOSUPPORT) NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT)
	NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(ECONNRESET) NAME(EISCONN) NAME(ENOTCONN)
	NAME(ETIMEDOUT) NAME(ECONNREFUSED) NAME(EALREADY) NAME(EINPROGRESS) NAME(ECANCELED)
	}
#undef NAME
	snprintf(other, sizeof other, "errno %d", e);
	return other;
}

// SHOW evaluates an integer expression and prints it with its text, and errno if it is -1.
#define SHOW(expr) ({ \
	errno = 0; \
	long long show_value = (expr); \
	if (show_value == -1) printf("%s = -1 %s\n", #expr, errno_name(errno)); \
	else printf("%s = %lld\n", #expr, show_value); \
	show_value; })

// MUST ends the program, naming the line, if a preparation fails.
#define MUST(expr) ({ \
	long long must_value = (expr); \
	if (must_value == -1) { \
		printf("line %d: %s: %s\n", __LINE__, #expr, errno_name(errno)); \
		exit(99); \
	} \
	must_value; })

// checksum is a small hash of bytes.
static inline unsigned checksum(const void *p, size_t n)
{
	const unsigned char *c = p;
	unsigned h = 2166136261u;
	while (n--) h = (h ^ *c++) * 16777619u;
	return h;
}

#endif
