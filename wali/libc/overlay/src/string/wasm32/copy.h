#include "simd.h"

/* What is shorter is copied here: a copy by the engine is a call. */
#define LARGE 128

/* Everything is read before anything is written, so the two may overlap. */
static inline void copy(char *d, const char *s, size_t n)
{
	char *de = d+n;
	const char *se = s+n;
	if (n<=BLOCK) {
		if (n>=8) {
			uint64_t a = LOAD8(s), b = LOAD8(se-8);
			*(loose_u64 *)d = a;
			*(loose_u64 *)(de-8) = b;
		} else if (n>=4) {
			uint32_t a = LOAD4(s), b = LOAD4(se-4);
			*(loose_u32 *)d = a;
			*(loose_u32 *)(de-4) = b;
		} else if (n) {
			char a = s[0], b = s[n/2], c = se[-1];
			d[0] = a;
			d[n/2] = b;
			de[-1] = c;
		}
	} else if (n<=2*BLOCK) {
		block a = LOAD(s), b = LOAD(se-BLOCK);
		STORE(d, a);
		STORE(de-BLOCK, b);
	} else if (n<=4*BLOCK) {
		block a = LOAD(s), b = LOAD(s+BLOCK), y = LOAD(se-2*BLOCK), z = LOAD(se-BLOCK);
		STORE(d, a);
		STORE(d+BLOCK, b);
		STORE(de-2*BLOCK, y);
		STORE(de-BLOCK, z);
	} else if (n<=LARGE) {
		block a = LOAD(s), b = LOAD(s+BLOCK), c = LOAD(s+2*BLOCK), e = LOAD(s+3*BLOCK);
		block w = LOAD(se-4*BLOCK), x = LOAD(se-3*BLOCK), y = LOAD(se-2*BLOCK), z = LOAD(se-BLOCK);
		STORE(d, a);
		STORE(d+BLOCK, b);
		STORE(d+2*BLOCK, c);
		STORE(d+3*BLOCK, e);
		STORE(de-4*BLOCK, w);
		STORE(de-3*BLOCK, x);
		STORE(de-2*BLOCK, y);
		STORE(de-BLOCK, z);
	} else {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\tmemory.copy 0, 0"
			: : "r"(d), "r"(s), "r"(n) : "memory");
	}
}
