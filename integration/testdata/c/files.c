// Files: opening, reading and writing at offsets, sizes, links, modes, times, locks.
#include "common.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>
#include <sys/time.h>

static void describe(const char *path)
{
	struct stat st;
	if (lstat(path, &st)) {
		printf("%s: %s\n", path, errno_name(errno));
		return;
	}
	printf("%s: mode %o, links %d, size %lld\n", path, st.st_mode, (int)st.st_nlink,
		S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size);
}

int main(void)
{
	char buf[100] = "";
	umask(022);
	SHOW(open("missing", O_RDONLY));
	int fd = MUST(open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
	SHOW(open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
	SHOW(write(fd, "hello, world", 12));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, 7, SEEK_SET));
	SHOW(read(fd, buf, 100));
	printf("%.5s\n", buf);
	SHOW(read(fd, buf, 100));
	SHOW(pread(fd, buf, 5, 0));
	printf("%.5s\n", buf);
	SHOW(pwrite(fd, "HELLO", 5, 0));
	SHOW(pwrite(fd, "far", 3, 5000000000LL));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(pread(fd, buf, 10, 4999999998LL));
	printf("%d %d %.3s\n", buf[0], buf[1], buf + 2);
	SHOW(ftruncate(fd, 20));
	describe("file");
	SHOW(truncate("file", 12));
	SHOW(ftruncate(fd, -1));
	SHOW(lseek(fd, -1, SEEK_SET));
	SHOW(lseek(fd, 0, 99));
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	SHOW(pwritev(fd, out, 3, 100));
	char x[3] = "", y[10] = "";
	struct iovec in[2] = { { x, 2 }, { y, 9 } };
	SHOW(preadv(fd, in, 2, 100));
	printf("%s %s\n", x, y);
	lseek(fd, 150, SEEK_SET);
	SHOW(pwritev2(fd, out, 3, -1, RWF_DSYNC));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(preadv2(fd, in, 1, 152, 0));
	printf("%s\n", x);
	SHOW(pwritev2(fd, out, 3, 0, RWF_APPEND));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(preadv2(fd, in, 2, 0, 1 << 30));
	SHOW(fpathconf(fd, _PC_NAME_MAX));
	SHOW(fpathconf(-1, _PC_NAME_MAX));
	SHOW(fpathconf(999, _PC_NAME_MAX));
	SHOW(pathconf("file", _PC_NAME_MAX));
	lseek(fd, 0, SEEK_SET);
	SHOW(writev(fd, out, 3));
	lseek(fd, 0, SEEK_SET);
	SHOW(readv(fd, in, 2));
	SHOW(writev(fd, out, -1));
	SHOW(writev(fd, out, 0));
	SHOW(posix_fallocate(fd, 0, 4096));
	describe("file");
	SHOW(fsync(fd));
	SHOW(fdatasync(fd));
	SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));

	SHOW(link("file", "hard"));
	SHOW(symlink("file", "soft"));
	SHOW(symlink("nowhere", "dangling"));
	SHOW(link("missing", "x"));
	describe("file"); describe("hard"); describe("soft");
	memset(buf, 0, sizeof buf);
	SHOW(readlink("soft", buf, sizeof buf));
	printf("%s\n", buf);
	SHOW(readlink("file", buf, sizeof buf));
	SHOW(readlink("soft", buf, 2));
	SHOW(open("dangling", O_RDONLY));
	SHOW(open("soft", O_RDONLY | O_NOFOLLOW));
	SHOW(symlink("loop", "loop"));
	SHOW(open("loop", O_RDONLY));
	SHOW(rename("hard", "renamed"));
	describe("hard"); describe("renamed");
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "renamed", AT_FDCWD, "soft", 1 /* RENAME_NOREPLACE */));
	SHOW(unlink("renamed"));
	SHOW(unlink("renamed"));
	SHOW(open("file/under", O_RDONLY));
	SHOW(open(".", O_RDWR));
	SHOW(unlink("."));

	SHOW(chmod("file", 04751));
	describe("file");
	SHOW(fchmod(fd, 0600));
	SHOW(fchmodat(AT_FDCWD, "file", 0640, 0));
	describe("file");
	SHOW(access("file", R_OK | W_OK));
	SHOW(access("missing", F_OK));
	SHOW(faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS));
	SHOW(chown("file", -1, -1));
	SHOW(fchownat(AT_FDCWD, "soft", -1, -1, AT_SYMLINK_NOFOLLOW));
	SHOW(umask(077));
	SHOW(umask(022));

	struct stat st;
	struct timespec times[2] = { { 1000000000, 123456789 }, { 2000000000, 987654321 } };
	SHOW(utimensat(AT_FDCWD, "file", times, 0));
	SHOW(stat("file", &st));
	printf("%lld.%09ld %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = 5;
	SHOW(futimens(fd, times));
	SHOW(fstat(fd, &st));
	printf("%lld %lld.%09ld\n", (long long)st.st_atim.tv_sec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	SHOW(utime("file", &(struct utimbuf){ 11, 22 }));
	SHOW(utimes("file", (struct timeval[]){ { 33, 5 }, { 44, 6 } }));
	stat("file", &st);
	printf("%lld %lld.%09ld\n", (long long)st.st_atim.tv_sec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	printf("blocks of %s\n", st.st_blksize >= 512 ? "some size" : "no size");

	int copy = MUST(dup(fd));
	lseek(fd, 3, SEEK_SET);
	printf("shared offset %d\n", (int)lseek(copy, 0, SEEK_CUR));
	SHOW(dup2(fd, 50));
	SHOW(dup2(fd, fd) == fd);
	SHOW(dup3(fd, 51, O_CLOEXEC));
	SHOW(dup3(fd, fd, 0));
	SHOW(dup3(fd, 52, O_APPEND));
	SHOW(fcntl(52, F_GETFD));
	SHOW(dup2(99, 5));
	SHOW(fcntl(50, F_GETFD));
	SHOW(fcntl(51, F_GETFD));
	SHOW(fcntl(fd, F_DUPFD, 60));
	SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 60));
	SHOW(fcntl(61, F_GETFD));
	SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	printf("flags %x\n", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	SHOW(close(61));
	SHOW(close(61));
	SHOW(close(-1));
	SHOW(fcntl(-1, F_GETFD));
	SHOW(fcntl(fd, 12345));

	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20 };
	SHOW(fcntl(fd, F_SETLK, &lock));
	lock.l_type = F_RDLCK;
	SHOW(fcntl(fd, F_GETLK, &lock));
	printf("lock type %d\n", lock.l_type == F_UNLCK);
	lock = (struct flock){ .l_type = F_WRLCK, .l_start = 10, .l_len = 20 };
	SHOW(fcntl(fd, F_OFD_SETLK, &lock));
	int other = MUST(open("file", O_RDWR));
	SHOW(fcntl(other, F_OFD_SETLK, &lock));
	SHOW(flock(fd, LOCK_EX | LOCK_NB));
	SHOW(flock(other, LOCK_EX | LOCK_NB));
	SHOW(flock(fd, LOCK_UN));
	SHOW(flock(other, LOCK_SH | LOCK_NB));
	SHOW(lockf(other, F_TEST, 5));

	struct statvfs vfs;
	SHOW(statvfs(".", &vfs));
	printf("%d %d\n", vfs.f_bsize > 0, vfs.f_namemax == 255);
	SHOW(fstatvfs(fd, &vfs));
	SHOW(mknod("fifo", S_IFIFO | 0600, 0));
	SHOW(mkfifo("fifo", 0600));
	describe("fifo");
	SHOW(read(-1, buf, 1));
	SHOW(write(MUST(open("file", O_RDONLY)), "x", 1));
	SHOW(lseek(MUST(open("fifo", O_RDWR)), 0, SEEK_SET));
	int tmp = open(".", O_TMPFILE | O_RDWR, 0600);
	printf("O_TMPFILE %s\n", tmp >= 0 ? "works" : errno_name(errno));
	char name[] = "made-XXXXXX";
	int made = mkstemp(name);
	SHOW(made >= 0);
	SHOW(unlink(name));
	char longname[5000];
	memset(longname, 'a', sizeof longname);
	longname[300] = 0;
	SHOW(open(longname, O_RDONLY));
	longname[300] = 'a';
	longname[4999] = 0;
	SHOW(open(longname, O_RDONLY));
	SHOW(open("", O_RDONLY));
	return 0;
}
