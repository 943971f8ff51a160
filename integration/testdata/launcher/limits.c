// limits: shows resource limits, and what they do to this program; again after execve.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const int resources[] = { RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_STACK };
	for (int i = 0; i < 4; i++) {
		struct rlimit l;
		getrlimit(resources[i], &l);
		printf("%lld %lld\n", (long long)l.rlim_cur, (long long)l.rlim_max);
	}
	printf("large mapping: %d\n", mmap(0, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	signal(SIGXFSZ, SIG_IGN);
	int fd = memfd_create("file", 0);
	printf("written: %d\n", (int)write(fd, "0123456789", 10));
	fflush(stdout);
	if (argc > 1) return 0;
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_FSIZE, &none);
	execl("/proc/self/exe", argv[0], "again", (char *)0);
	perror("execl");
	return 1;
}
