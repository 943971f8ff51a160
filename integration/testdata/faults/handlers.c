// Signal handlers that cannot be called, or have no stack to run on.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static double takes_double(double d) { return d + 1; }

static volatile int depth;

static void overflows(int sig)
{
	volatile char room[4096];
	memset((char *)room, sig, sizeof room);
	depth++;
	overflows(room[depth % sizeof room]);
	depth--;
}

static void returns(int sig) { puts("handled"); }

static void on_alternate_stack(void *sp, size_t size, void (*handler)(int))
{
	stack_t stack = {.ss_sp = sp, .ss_size = size};
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	if (sigaltstack(&stack, 0) || sigaction(SIGUSR1, &act, 0)) perror("prepare");
}

int main(int argc, char **argv)
{
	const char *kind = argv[1];
	char *area = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(kind, "index")) signal(SIGUSR1, (void (*)(int))(uintptr_t)0x7ffffff0);
	if (!strcmp(kind, "type")) signal(SIGUSR1, (void (*)(int))(uintptr_t)takes_double);
	if (!strcmp(kind, "overflow")) signal(SIGUSR1, overflows);
	if (!strcmp(kind, "unmapped")) {
		munmap(area, 1 << 20);
		on_alternate_stack(area, 1 << 20, returns);
	}
	if (!strcmp(kind, "protected")) {
		mprotect(area, 1 << 20, PROT_READ);
		on_alternate_stack(area, 1 << 20, returns);
	}
	if (!strcmp(kind, "small")) {
		mprotect(area, 1 << 19, PROT_NONE);
		on_alternate_stack(area + (1 << 19), 8192, overflows);
	}
	puts("ready");
	fflush(stdout);
	raise(SIGUSR1);
	puts("survived");
	return 0;
}
