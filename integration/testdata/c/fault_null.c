// fault: SIGSEGV
// A read through a null pointer.
#include <stdio.h>

int main(void)
{
	int *volatile p = 0;
	printf("before\n");
	fflush(stdout);
	printf("after %d\n", *(volatile int *)p);
	return 0;
}
