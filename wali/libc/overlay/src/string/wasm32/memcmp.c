#include <string.h>
#include "simd.h"

static inline int order(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return (a>b) - (a<b);
}

static inline int differ(const char *l, const char *r, unsigned m)
{
	unsigned i = first(m);
	return (unsigned char)l[i] - (unsigned char)r[i];
}

SIMD int memcmp(const void *vl, const void *vr, size_t n)
{
	const char *l = vl, *r = vr;
	unsigned m;
	if (n>=BLOCK) {
		for (; n>BLOCK; l+=BLOCK, r+=BLOCK, n-=BLOCK)
			if ((m = bits(LOAD(l) != LOAD(r)))) return differ(l, r, m);
		l -= BLOCK-n;
		r -= BLOCK-n;
		m = bits(LOAD(l) != LOAD(r));
		return m ? differ(l, r, m) : 0;
	}
	if (n>=8) {
		int c = order(LOAD8(l), LOAD8(r));
		return c ? c : order(LOAD8(l+n-8), LOAD8(r+n-8));
	}
	if (n>=4) return order((uint64_t)LOAD4(l)<<32>>32 | (uint64_t)LOAD4(l+n-4)<<32,
		(uint64_t)LOAD4(r)<<32>>32 | (uint64_t)LOAD4(r+n-4)<<32);
	for (; n && *l == *r; n--, l++, r++);
	return n ? *(unsigned char *)l - *(unsigned char *)r : 0;
}
