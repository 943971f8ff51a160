#include "pthread_impl.h"
#include "syscall.h"

static long enter(long n)
{
	return 0;
}

static long leave(long n, long r)
{
	return r;
}

weak_alias(enter, __cp_enter);
weak_alias(leave, __cp_leave);
