#include <string.h>
#include "words.h"

size_t strlen(const char *s)
{
	const char *a = s;
	for (; (uintptr_t)s % 8; s++) if (!*s) return s - a;
	uint64_t z;
	while (!(z = zeros(LOAD(s)))) s += 8;
	return s + first(z) - a;
}
