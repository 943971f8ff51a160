#include <string.h>
#include "words.h"

int strcmp(const char *l, const char *r)
{
	for (;;) {
		if (within_page(l) && within_page(r)) {
			uint64_t x = LOAD(l), d = (x ^ LOAD(r)) | zeros(x);
			if (d) {
				int i = first(d);
				return (unsigned char)l[i] - (unsigned char)r[i];
			}
			l += 8;
			r += 8;
			continue;
		}
		if (*l != *r || !*l) return *(unsigned char *)l - *(unsigned char *)r;
		l++;
		r++;
	}
}
