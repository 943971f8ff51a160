#include <string.h>
#include "words.h"

char *__strchrnul(const char *s, int c)
{
	c = (unsigned char)c;
	if (!c) return (char *)s + strlen(s);
	for (; (uintptr_t)s % 8; s++)
		if (!*s || *(unsigned char *)s == c) return (char *)s;
	uint64_t k = ONES * c, z;
	for (;; s += 8) {
		uint64_t x = LOAD(s);
		if ((z = zeros(x) | zeros(x ^ k))) return (char *)s + first(z);
	}
}

weak_alias(__strchrnul, strchrnul);
