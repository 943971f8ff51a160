// fault: SIGABRT
// abort, without flushing.
#include <stdio.h>
#include <stdlib.h>

static void handler(void) { printf("exit handler\n"); }

int main(void)
{
	atexit(handler);
	printf("flushed\n");
	fflush(stdout);
	printf("lost\n");
	abort();
}
