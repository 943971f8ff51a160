// fault: SIGSEGV
// A write to memory that was unmapped.
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
	char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p[4096] = 1;
	munmap(p + 4096, 4096);
	p[4095] = 1;
	printf("before\n");
	fflush(stdout);
	((volatile char *)p)[4096] = 1;
	printf("after\n");
	return 0;
}
