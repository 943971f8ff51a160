// args: return
// args: exit
// args: _exit
// args: quick
// args: nested
// Constructors, destructors, exit handlers and what is flushed by which way of ending.
#include "common.h"
#include <unistd.h>

static void say(const char *s) { if (write(1, s, strlen(s)) < 0) _exit(98); }

__attribute__((constructor(101))) static void first(void) { say("constructor 101\n"); }
__attribute__((constructor(102))) static void second(void) { say("constructor 102\n"); }
__attribute__((destructor)) static void last(void) { say("destructor\n"); }

static void a(void) { say("handler a\n"); }
static void b(void) { say("handler b\n"); }
static void late(void) { say("handler late\n"); }
static void nesting(void) { say("handler nesting\n"); atexit(late); }
static void quick(void) { say("quick handler\n"); }

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	atexit(a);
	atexit(b);
	at_quick_exit(quick);
	if (!strcmp(how, "nested")) atexit(nesting);
	setvbuf(stdout, 0, _IOFBF, 4096);
	printf("buffered text\n");
	if (!strcmp(how, "_exit")) _exit(4);
	if (!strcmp(how, "quick")) quick_exit(5);
	if (!strcmp(how, "exit")) exit(6);
	return 7;
}
