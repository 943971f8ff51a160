// fault: SIGSEGV
// A write to a page that mprotect made read-only.
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
	volatile char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p[0] = 'x';
	mprotect((void *)p, 4096, PROT_READ);
	printf("before %c\n", p[0]);
	fflush(stdout);
	p[0] = 'y';
	printf("after\n");
	return 0;
}
