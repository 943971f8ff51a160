/* A layer whose marks an application can see.
 *
 * arguments: number by which getpid is too large [say] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wali/layer.h>

static long more;
static int say, forks;
static volatile int inside;
static _Thread_local int calls;

LAYER_ENTRY("layer_main") void layer_main(int argc, char **argv)
{
	more = argc > 1 ? atol(argv[1]) : 0;
	say = argc > 2;
	if (say) dprintf(1, "layer_main %d %s in %s\n", argc, argv[argc-1], getenv("MARK") ? getenv("MARK") : "nothing");
}

LAYER_ENTRY("layer_fork") void layer_fork(void)
{
	forks++;
	if (say) dprintf(1, "layer_fork %d\n", forks);
}

/* By the layer below. */
LAYER_PROVIDES("wali.SYS_getpid") long provided_getpid(void)
{
	calls++;
	return layer_syscall(SYS_getpid) + more;
}

LAYER_PROVIDES("wali.SYS_read") long provided_read(int fd, app_ptr to, int n)
{
	inside++;
	long r = app_syscall(SYS_read, fd, to, n);
	inside--;
	return r;
}

LAYER_PROVIDES("env.now") int now(void) { return 42; }
LAYER_PROVIDES("env.inside") int is_inside(void) { return inside; }
LAYER_PROVIDES("env.calls") int calls_of_thread(void) { return calls; }
LAYER_PROVIDES("env.peek") int peek(app_ptr at)
{
	char c;
	return app_read(&c, at, 1);
}

/* Where the layer keeps something that is nobody else's business. */
static char secret[16] = "secret";
LAYER_PROVIDES("env.address") int address(void) { return (int)(long)secret; }
LAYER_PROVIDES("env.intact") int intact(void) { return !strcmp(secret, "secret"); }

__attribute__((noinline)) static void culprit(int *p)
{
	if (*p) __builtin_trap();
}

LAYER_PROVIDES("env.trap") int trap(void)
{
	static int one = 1;
	culprit(&one);
	return 0;
}

__attribute__((noinline)) static int culprit_fault(volatile int *p) { return *p; }

LAYER_PROVIDES("env.fault") int fault(int at) { return culprit_fault((int *)(long)at); }

LAYER_PROVIDES("env.spin") int spin(int milliseconds)
{
	volatile int *stop = &say;
	struct timespec { long s, ns; } a, b;
	layer_syscall(SYS_clock_gettime, 1, &a);
	do layer_syscall(SYS_clock_gettime, 1, &b);
	while ((b.s - a.s) * 1000 + (b.ns - a.ns) / 1000000 < milliseconds && *stop >= 0);
	return 0;
}
