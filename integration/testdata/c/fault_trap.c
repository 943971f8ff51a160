// fault: SIGILL
// The compiler's trap.
#include <stdio.h>

int main(void)
{
	printf("before\n");
	fflush(stdout);
	__builtin_trap();
}
