#include "pthread_impl.h"
#include "syscall.h"

/* The engine keeps return addresses and locals elsewhere, so a thread can give back the
 * stack it runs on as long as nothing here spills to it. */
void __unmapself(void *base, size_t size)
{
	__syscall(SYS_munmap, base, size);
	for (;;) __syscall(SYS_exit, 0);
}
