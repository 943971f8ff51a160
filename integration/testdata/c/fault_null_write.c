// fault: SIGSEGV
// A write to a member of a structure at a null pointer.
#include <stdio.h>

struct s { char pad[1000]; int member; };

int main(void)
{
	struct s *volatile p = 0;
	printf("before\n");
	fflush(stdout);
	((volatile struct s *)p)->member = 1;
	printf("after\n");
	return 0;
}
