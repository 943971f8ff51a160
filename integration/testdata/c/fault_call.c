// fault: SIGSEGV
// A call through a null function pointer.
#include <stdio.h>

int main(void)
{
	int (*volatile f)(int) = 0;
	printf("before\n");
	fflush(stdout);
	printf("after %d\n", f(1));
	return 0;
}
