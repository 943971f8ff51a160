#include <string.h>
#include "words.h"

void *memchr(const void *src, int c, size_t n)
{
	const unsigned char *s = src;
	c = (unsigned char)c;
	for (; n && (uintptr_t)s % 8; s++, n--) if (*s == c) return (void *)s;
	uint64_t k = ONES * c, z;
	for (; n >= 8; s += 8, n -= 8)
		if ((z = zeros(LOAD(s) ^ k))) return (void *)(s + first(z));
	for (; n; s++, n--) if (*s == c) return (void *)s;
	return 0;
}
