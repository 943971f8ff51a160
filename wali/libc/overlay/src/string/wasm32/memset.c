#include <string.h>
#include "simd.h"

SIMD void *memset(void *dest, int c, size_t n)
{
	char *d = dest, *end = d+n;
	if (n>256) {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\tmemory.fill 0"
			: : "r"(d), "r"(c), "r"(n) : "memory");
	} else if (n>=BLOCK) {
		block k = all(c);
		for (end-=BLOCK; d<end; d+=BLOCK) STORE(d, k);
		STORE(end, k);
	} else if (n>=4) {
		uint32_t k = 0x01010101u * (unsigned char)c;
		if (n>=8) {
			uint64_t kk = (uint64_t)k<<32 | k;
			*(loose_u64 *)d = kk;
			*(loose_u64 *)(end-8) = kk;
		} else {
			*(loose_u32 *)d = k;
			*(loose_u32 *)(end-4) = k;
		}
	} else if (n) d[0] = d[n/2] = end[-1] = c;
	return dest;
}
