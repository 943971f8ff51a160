// fault: SIGSEGV
// args: frames
// args: plain
// Endless recursion, with large frames and with frames that use no memory of their own.
#include <stdio.h>
#include <string.h>

static volatile int depth;

__attribute__((noinline)) static int frames(int n)
{
	volatile char big[1000];
	big[n % 1000] = n;
	depth++;
	return frames(n + 1) + big[(n * 7) % 1000];
}

__attribute__((noinline)) static int plain(int n)
{
	depth++;
	int r = plain(n + 1);
	return r * depth;
}

int main(int argc, char **argv)
{
	printf("before\n");
	fflush(stdout);
	int r = argc > 1 && !strcmp(argv[1], "plain") ? plain(argc) : frames(argc);
	printf("after %d\n", r);
	return 0;
}
