// fault: SIGABRT
// A failed assertion.
#include <assert.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("before\n");
	fflush(stdout);
	assert(argc == 100);
	return 0;
}
