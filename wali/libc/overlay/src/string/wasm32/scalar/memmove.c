#include <string.h>

void *memmove(void *dest, const void *src, size_t n)
{
	__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\tmemory.copy 0, 0"
		: : "r"(dest), "r"(src), "r"(n) : "memory");
	return dest;
}
