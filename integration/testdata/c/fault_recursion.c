// fault: SIGSEGV
// args: frames
// args: plain
// args: handler
// Endless recursion, with large frames and with frames that use no memory of their own; a
// handler that has no other stack does not run.
#include <signal.h>
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

static void handle(int sig) { printf("handled %d\n", sig); }

int main(int argc, char **argv)
{
	printf("before\n");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "handler")) signal(SIGSEGV, handle);
	int r = argc > 1 && strcmp(argv[1], "frames") ? plain(argc) : frames(argc);
	printf("after %d\n", r);
	return 0;
}
