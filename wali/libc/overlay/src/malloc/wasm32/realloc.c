#include <stdlib.h>
#include "cache.h"

void *realloc(void *p, size_t n)
{
	if (!p) return __cached_malloc(n);
	struct meta *g = get_meta(p);
	if (g->sizeclass >= CACHED_CLASSES || n > CACHED_MAX) return __libc_realloc(p, n);
	unsigned char *end = slot_end(g, get_slot_index(p));
	size_t old = get_nominal_size(p, end);
	/* It stays where it is if a new one would not take a smaller slot. */
	if (n <= end-(unsigned char *)p && size_to_class(n)+1 >= g->sizeclass) {
		set_size(p, end, n);
		return p;
	}
	void *new = __cached_malloc(n);
	if (!new) return 0;
	memcpy(new, p, n<old ? n : old);
	free(p);
	return new;
}
