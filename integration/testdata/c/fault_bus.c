// fault: SIGBUS
// A read of a mapped file beyond its end.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	int fd = open("short", O_RDWR | O_CREAT, 0600);
	if (write(fd, "x", 1) != 1) return 1;
	volatile char *p = mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0);
	printf("before %c\n", p[0]);
	fflush(stdout);
	printf("after %d\n", p[4096]);
	return 0;
}
