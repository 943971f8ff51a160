// Pipes, and the calls that move data between descriptors within the kernel.
#include "common.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>
#include <limits.h>

int main(void)
{
	int p[2], q[2];
	char buf[200] = "";
	SHOW(pipe(p));
	SHOW(pipe2(q, O_CLOEXEC | O_NONBLOCK));
	SHOW(fcntl(p[0], F_GETFD));
	SHOW(fcntl(q[0], F_GETFD));
	SHOW(pipe2(q + 0, 0x7fffffff));
	SHOW(read(q[0], buf, 1));
	SHOW(write(p[1], "through the pipe", 16));
	int n = 0;
	SHOW(ioctl(p[0], FIONREAD, &n));
	printf("%d\n", n);
	SHOW(read(p[0], buf, 7));
	SHOW(read(p[0], buf, 200));
	printf("%.9s\n", buf);
	SHOW(write(p[0], "x", 1));
	SHOW(read(p[1], buf, 1));
	SHOW(lseek(p[0], 0, SEEK_CUR));
	SHOW(fcntl(q[0], F_GETPIPE_SZ));
	SHOW(fcntl(q[0], F_SETPIPE_SZ, 8192));
	static char block[4096];
	int written = 0;
	ssize_t r;
	while ((r = write(q[1], block, sizeof block)) > 0) written += r;
	printf("filled with %d, then %s\n", written, errno_name(errno));

	int in = MUST(open("in", O_RDWR | O_CREAT, 0600)), out = MUST(open("out", O_RDWR | O_CREAT, 0600));
	for (int i = 0; i < 1000; i++) { snprintf(buf, sizeof buf, "line %05d\n", i); MUST(write(in, buf, 11)); }
	off_t off = 11 * 5;
	SHOW(sendfile(out, in, &off, 22));
	printf("offset %lld\n", (long long)off);
	SHOW(lseek(in, 0, SEEK_SET));
	SHOW(sendfile(out, in, 0, 1000000));
	SHOW(lseek(out, 0, SEEK_CUR));
	SHOW(sendfile(-1, in, 0, 1));
	memset(buf, 0, sizeof buf);
	SHOW(pread(out, buf, 33, 0));
	printf("%s", buf);

	off_t from = 110, to = 20000;
	SHOW(copy_file_range(in, &from, out, &to, 11, 0));
	printf("%lld %lld\n", (long long)from, (long long)to);
	from = 220;
	SHOW(splice(in, &from, p[1], 0, 11, 0));
	int t[2];
	MUST(pipe(t));
	SHOW(tee(p[0], t[1], 100, 0));
	memset(buf, 0, sizeof buf);
	SHOW(read(t[0], buf, 100));
	printf("%s", buf);
	to = 0;
	SHOW(splice(p[0], 0, out, &to, 100, 0));
	memset(buf, 0, sizeof buf);
	SHOW(pread(out, buf, 11, 0));
	printf("%s", buf);
	struct iovec iov[2] = { { "vm", 2 }, { "splice", 6 } };
	SHOW(vmsplice(p[1], iov, 2, 0));
	memset(buf, 0, sizeof buf);
	SHOW(read(p[0], buf, 100));
	printf("%s\n", buf);
	SHOW(splice(in, 0, out, 0, 10, 0));

	close(p[1]);
	SHOW(read(p[0], buf, 1));
	signal(SIGPIPE, SIG_IGN);
	close(t[0]);
	SHOW(write(t[1], "x", 1));

	/* Bad memory: the kernel's answer, not a crash. */
	char *bad = (char *)0x7ffff000;
	SHOW(read(in, (void *)8, 10));
	SHOW(pwrite(out, bad, 10, 0));
	SHOW(pipe((int *)4));
	SHOW(readv(in, (void *)16, 1));
	SHOW(open((char *)1, O_RDONLY));
	SHOW(write(out, buf, 0));
	return 0;
}
