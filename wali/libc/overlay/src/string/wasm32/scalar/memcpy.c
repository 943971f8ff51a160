#include <string.h>

/* The engine copies faster than any loop here could. */
void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\tmemory.copy 0, 0"
		: : "r"(dest), "r"(src), "r"(n) : "memory");
	return dest;
}
