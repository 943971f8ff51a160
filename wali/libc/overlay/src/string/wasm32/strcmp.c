#include <string.h>
#include "simd.h"

SIMD int strcmp(const char *l, const char *r)
{
	/* Most strings that are compared differ at once. */
	if (*l != *r || !*l) return *(unsigned char *)l - *(unsigned char *)r;
	for (;;) {
		if (within_page(l) && within_page(r)) {
			block x = LOAD(l);
			unsigned m = bits((x != LOAD(r)) | (x == 0));
			if (m) {
				unsigned i = first(m);
				return (unsigned char)l[i] - (unsigned char)r[i];
			}
			l += BLOCK;
			r += BLOCK;
			continue;
		}
		if (*l != *r || !*l) return *(unsigned char *)l - *(unsigned char *)r;
		l++;
		r++;
	}
}
