#include <string.h>
#include "simd.h"

SIMD int strncmp(const char *l, const char *r, size_t n)
{
	if (!n) return 0;
	if (*l != *r || !*l) return *(unsigned char *)l - *(unsigned char *)r;
	while (n) {
		if (within_page(l) && within_page(r)) {
			block x = LOAD(l);
			unsigned m = bits((x != LOAD(r)) | (x == 0));
			if (m) {
				unsigned i = first(m);
				return i<n ? (unsigned char)l[i] - (unsigned char)r[i] : 0;
			}
			if (n<=BLOCK) return 0;
			l += BLOCK;
			r += BLOCK;
			n -= BLOCK;
			continue;
		}
		if (*l != *r || !*l) return *(unsigned char *)l - *(unsigned char *)r;
		l++;
		r++;
		n--;
	}
	return 0;
}
