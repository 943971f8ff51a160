#include <string.h>
#include "simd.h"

SIMD char *__strchrnul(const char *s, int c)
{
	block k = all(c);
	const char *p = block_of(s);
	block x = LOAD_ALIGNED(p);
	unsigned m = bits((x == k) | (x == 0)) >> place(s);
	if (m) return (char *)s + first(m);
	do {
		x = LOAD_ALIGNED(p += BLOCK);
		m = bits((x == k) | (x == 0));
	} while (!m);
	return (char *)p + first(m);
}

weak_alias(__strchrnul, strchrnul);
