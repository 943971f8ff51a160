// args: frames
// args: plain
// A handler with a stack of its own handles endless recursion, and jumps out of it; the
// frames are large, or use no memory of their own.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static char other[1 << 16];
static volatile int depth;
static sigjmp_buf before;
static char *base;

static void handle(int sig, siginfo_t *info, void *context)
{
	volatile char used[10000];
	memset((char *)used, 1, sizeof used);
	long below = base - (char *)info->si_addr;
	int inside = (char *)&used >= other && (char *)&used < other + sizeof other;
	printf("signal %d, %s, %s\n", sig, inside ? "on its stack" : "elsewhere",
		below > -65536 && below < 1 << 26 ? "an address of the stack" : "another address");
	siglongjmp(before, 1);
}

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
	char here;
	base = &here;
	stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (volatile int round = 0; round < 3; round++) {
		depth = 0;
		if (!sigsetjmp(before, 1)) printf("%d\n", !strcmp(argv[1], "plain") ? plain(argc) : frames(argc));
		printf("round %d: %s\n", round, depth > 100 ? "deep" : "not deep");
	}
	return 0;
}
