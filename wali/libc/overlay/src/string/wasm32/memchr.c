#include <string.h>
#include "simd.h"

SIMD void *memchr(const void *s, int c, size_t n)
{
	if (!n) return 0;
	block k = all(c);
	const char *p = block_of(s);
	unsigned m = bits(LOAD_ALIGNED(p) == k) >> place(s), i;
	if (m) {
		i = first(m);
		return i<n ? (char *)s + i : 0;
	}
	/* How many bytes from p on count. n may be so large that it means no end. */
	if (n <= BLOCK-place(s)) return 0;
	n -= BLOCK-place(s);
	p += BLOCK;
	while (n>4*BLOCK) {
		if (aligned_four(p)) {
			block any = (LOAD_ALIGNED(p) == k) | (LOAD_ALIGNED(p+BLOCK) == k)
				| (LOAD_ALIGNED(p+2*BLOCK) == k) | (LOAD_ALIGNED(p+3*BLOCK) == k);
			if (bits(any)) break;
			p += 4*BLOCK;
			n -= 4*BLOCK;
			continue;
		}
		if ((m = bits(LOAD_ALIGNED(p) == k))) return (char *)p + first(m);
		p += BLOCK;
		n -= BLOCK;
	}
	for (;; p+=BLOCK, n-=BLOCK) {
		if ((m = bits(LOAD_ALIGNED(p) == k))) {
			i = first(m);
			return i<n ? (char *)p + i : 0;
		}
		if (n<=BLOCK) return 0;
	}
}
