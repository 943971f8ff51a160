#include <string.h>
#include "words.h"

typedef uint64_t storable __attribute__((__may_alias__, __aligned__(1)));

void *memset(void *dest, int c, size_t n)
{
	unsigned char *s = dest;
	if (n > 256) {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\tmemory.fill 0"
			: : "r"(dest), "r"(c), "r"(n) : "memory");
		return dest;
	}
	uint64_t k = ONES * (unsigned char)c;
	if (n >= 8) {
		unsigned char *end = s + n - 8;
		for (; s < end; s += 8) *(storable *)s = k;
		*(storable *)end = k;
		return dest;
	}
	while (n) s[--n] = c;
	return dest;
}
