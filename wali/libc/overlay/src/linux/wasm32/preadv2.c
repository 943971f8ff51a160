#define _GNU_SOURCE
#include <sys/uio.h>
#include "syscall.h"

/* An offset of -1 stands for the file's own. */
ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return syscall_cp(SYS_preadv2, fd, iov, count, (long)offset, (long)(offset >> 32), flags);
}
