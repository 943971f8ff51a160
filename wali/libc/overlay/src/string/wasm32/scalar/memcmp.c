#include <string.h>
#include "words.h"

static int order(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return a < b ? -1 : 1;
}

int memcmp(const void *vl, const void *vr, size_t n)
{
	const unsigned char *l = vl, *r = vr;
	if (n >= 8) {
		const unsigned char *end = l + n - 8;
		for (; l < end; l += 8, r += 8)
			if (LOAD(l) != LOAD(r)) return order(LOAD(l), LOAD(r));
		r -= l - end;
		return LOAD(end) != LOAD(r) ? order(LOAD(end), LOAD(r)) : 0;
	}
	for (; n && *l == *r; n--, l++, r++);
	return n ? *l - *r : 0;
}
