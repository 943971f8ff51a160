#include <string.h>
#include "simd.h"

static inline block smaller(block a, block b)
{
	typedef unsigned char ublock __attribute__((__vector_size__(BLOCK)));
	return (block)__builtin_elementwise_min((ublock)a, (ublock)b);
}

SIMD size_t strlen(const char *s)
{
	const char *p = block_of(s);
	unsigned m = bits(LOAD_ALIGNED(p) == 0) >> place(s);
	if (m) return first(m);
	for (p+=BLOCK; !aligned_four(p); p+=BLOCK)
		if ((m = bits(LOAD_ALIGNED(p) == 0))) return p + first(m) - s;
	for (;; p+=4*BLOCK) {
		block least = smaller(smaller(LOAD_ALIGNED(p), LOAD_ALIGNED(p+BLOCK)),
			smaller(LOAD_ALIGNED(p+2*BLOCK), LOAD_ALIGNED(p+3*BLOCK)));
		if (bits(least == 0)) break;
	}
	while (!(m = bits(LOAD_ALIGNED(p) == 0))) p+=BLOCK;
	return p + first(m) - s;
}
