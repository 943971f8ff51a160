#include <string.h>
#include "simd.h"

SIMD void *__memrchr(const void *s, int c, size_t n)
{
	if (!n) return 0;
	block k = all(c);
	const char *last = (const char *)s + n-1, *p = block_of(last), *from = block_of(s);
	unsigned m = bits(LOAD_ALIGNED(p) == k) & 0xffff >> BLOCK-1-place(last);
	for (; p!=from; m = bits(LOAD_ALIGNED(p) == k)) {
		if (m) return (char *)p + 31-__builtin_clz(m);
		p -= BLOCK;
	}
	m &= ~0u << place(s);
	return m ? (char *)p + 31-__builtin_clz(m) : 0;
}

weak_alias(__memrchr, memrchr);
