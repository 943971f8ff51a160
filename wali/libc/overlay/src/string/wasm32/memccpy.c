#include <string.h>

void *memccpy(void *restrict dest, const void *restrict src, int c, size_t n)
{
	const char *found = memchr(src, c, n);
	if (found) n = found+1 - (const char *)src;
	memcpy(dest, src, n);
	return found ? (char *)dest + n : 0;
}
