// calls WHAT COUNT: prints how many nanoseconds one system call takes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char buffer[4096];
static int zero, null;

static void getpid_(void) { syscall(SYS_getpid); }
static void read1(void) { if (read(zero, buffer, 1) != 1) exit(1); }
static void write4k(void) { if (write(null, buffer, 4096) != 4096) exit(1); }
static void openclose(void)
{
	int fd = open("/dev/null", O_RDONLY);
	if (fd < 0 || close(fd) != 0) exit(1);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*call)(void); } all[] = {
		{ "getpid", getpid_ }, { "read1", read1 }, { "write4k", write4k }, { "openclose", openclose },
	};
	if (argc != 3) return 2;
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (strcmp(argv[1], all[i].name)) continue;
		long count = atol(argv[2]);
		struct timespec from, to;
		for (long n = 0; n < count / 10; n++) all[i].call();
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (long n = 0; n < count; n++) all[i].call();
		clock_gettime(CLOCK_MONOTONIC, &to);
		printf("%.1f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / count);
		return 0;
	}
	return 2;
}
