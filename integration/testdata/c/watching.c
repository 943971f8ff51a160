// inotify, extended attributes, statx.
#include "common.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct stamp { long long sec; unsigned nsec; int pad; };
struct statx_layout {
	unsigned mask, blksize;
	unsigned long long attributes;
	unsigned nlink, uid, gid;
	unsigned short mode, pad;
	unsigned long long ino, size, blocks, attributes_mask;
	struct stamp atime, btime, ctime, mtime;
	unsigned rdev_major, rdev_minor, dev_major, dev_minor;
	unsigned long long spare[14];
};

static void drain(int fd)
{
	_Alignas(struct inotify_event) char buf[4096];
	struct pollfd p = { fd, POLLIN, 0 };
	while (poll(&p, 1, 0) > 0) {
		ssize_t n = read(fd, buf, sizeof buf);
		for (char *at = buf; at < buf + n;) {
			struct inotify_event *e = (void *)at;
			printf("  wd %d mask %x cookie %s name [%s]\n", e->wd, e->mask, e->cookie ? "set" : "0", e->len ? e->name : "");
			at += sizeof *e + e->len;
		}
	}
}

int main(void)
{
	int in = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	MUST(mkdir("watched", 0755));
	SHOW(inotify_add_watch(in, "watched", IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVE | IN_CLOSE_WRITE));
	SHOW(inotify_add_watch(in, "missing", IN_CREATE));
	SHOW(read(in, (char[100]){ 0 }, 100));
	int fd = MUST(open("watched/file", O_RDWR | O_CREAT, 0644));
	MUST(write(fd, "text", 4));
	close(fd);
	MUST(rename("watched/file", "watched/renamed"));
	MUST(mkdir("watched/sub", 0755));
	drain(in);
	MUST(unlink("watched/renamed"));
	SHOW(inotify_rm_watch(in, 1));
	SHOW(inotify_rm_watch(in, 1));
	drain(in);

	fd = MUST(open("attributes", O_RDWR | O_CREAT, 0644));
	char value[100] = "", names[200] = "";
	if (setxattr("attributes", "user.one", "first", 5, 0)) {
		printf("no user attributes here: %s\n", errno_name(errno));
	} else {
		SHOW(fsetxattr(fd, "user.two", "", 0, XATTR_CREATE));
		SHOW(setxattr("attributes", "user.one", "x", 1, XATTR_CREATE));
		SHOW(setxattr("attributes", "user.none", "x", 1, XATTR_REPLACE));
		SHOW(getxattr("attributes", "user.one", value, sizeof value));
		printf("%s\n", value);
		SHOW(getxattr("attributes", "user.one", 0, 0));
		SHOW(getxattr("attributes", "user.one", value, 2));
		SHOW(fgetxattr(fd, "user.two", value, sizeof value));
		SHOW(lgetxattr("attributes", "user.three", value, sizeof value));
		int len = SHOW(listxattr("attributes", names, sizeof names) > 0) ? (int)flistxattr(fd, names, sizeof names) : 0;
		int user = 0;
		for (char *n = names; n < names + len; n += strlen(n) + 1) user += !strncmp(n, "user.", 5);
		printf("%d user attributes\n", user);
		SHOW(removexattr("attributes", "user.one"));
		SHOW(fremovexattr(fd, "user.two"));
		SHOW(lremovexattr("attributes", "user.one"));
	}
	SHOW(getxattr("missing", "user.one", value, sizeof value));

	struct statx_layout x;
	memset(&x, 0xff, sizeof x);
	MUST(write(fd, "hello", 5));
	SHOW(syscall(SYS_statx, AT_FDCWD, "attributes", 0, 0xfff, &x));
	struct stat st;
	MUST(stat("attributes", &st));
	printf("size %llu mode %o links %u same inode %d same time %d\n", x.size, x.mode, x.nlink,
		x.ino == st.st_ino, x.mtime.sec == st.st_mtim.tv_sec && x.mtime.nsec == st.st_mtim.tv_nsec);
	printf("basic %x\n", x.mask & 0x7ff);
	SHOW(syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, 0x200, &x));
	printf("size %llu\n", x.size);
	SHOW(syscall(SYS_statx, AT_FDCWD, "missing", 0, 0xfff, &x));
	SHOW(syscall(SYS_statx, AT_FDCWD, "attributes", 0, 0xfff, (void *)8));
	return 0;
}
