/* Each thread keeps some of the small slots that it has freed, and allocates from them first.
 * That takes no lock, and groups of slots are not made and given back again and again, which
 * is most of mallocng's time in programs with few objects.
 *
 * What is kept is known by group and number, beside the heap, as all that mallocng relies on.
 * The checks are mallocng's: free makes them before it keeps a slot, and leaves a header that
 * a second free of it stumbles over. */
#include <stdlib.h>
#include "cache.h"

#define SLOTS 16

struct bin {
	unsigned char n;
	unsigned char idx[SLOTS];
	struct meta *g[SLOTS];
};

struct cache {
	struct bin bins[CACHED_CLASSES];
};

static _Thread_local struct cache *cache;

void *__cached_malloc(size_t n)
{
	struct cache *c = cache;
	if (!c || n > CACHED_MAX) return __libc_malloc_impl(n);
	int sc = size_to_class(n);
	struct bin *b = &c->bins[sc];
	/* mallocng serves some classes from the next one as long as they have no slots. */
	if (!b->n && !(sc&1) && !ctx.usage_by_class[sc]) b = &c->bins[sc|1];
	if (!b->n) return __libc_malloc_impl(n);
	int i = b->n-1;
	struct meta *g = b->g[i];
	int idx = b->idx[i];
	b->n = i;
	return enframe(g, idx, n, ctx.mmap_counter);
}

/* Gives the oldest slots back, so that n are left. */
static void shrink(struct bin *b, int n)
{
	int k = b->n - n;
	for (int i=0; i<k; i++) __malloc_release(b->g[i], b->idx[i]);
	for (int i=0; i<n; i++) {
		b->g[i] = b->g[i+k];
		b->idx[i] = b->idx[i+k];
	}
	b->n = n;
}

static int cannot_keep(void)
{
	if (cache) return 0;
	struct cache *c = __libc_malloc_impl(sizeof *c);
	if (!c) return 1;
	memset(c, 0, sizeof *c);
	cache = c;
	return 0;
}

void free(void *p)
{
	if (!p) return;
	struct meta *g = get_meta(p);
	if (g->sizeclass >= CACHED_CLASSES || !g->last_idx || cannot_keep()) {
		__libc_free(p);
		return;
	}
	int idx = get_slot_index(p);
	get_nominal_size(p, slot_end(g, idx));
	((unsigned char *)p)[-3] = 255;
	*(uint16_t *)((char *)p-2) = 0;

	struct bin *b = &cache->bins[g->sizeclass];
	/* Of larger slots fewer. */
	if (b->n >= (g->sizeclass<16 ? SLOTS : SLOTS/2)) shrink(b, b->n/2);
	int i = b->n;
	b->g[i] = g;
	b->idx[i] = idx;
	b->n = i+1;
}

/* For a thread that ends. */
void __malloc_thread_exit(void)
{
	struct cache *c = cache;
	if (!c) return;
	for (int sc=0; sc<CACHED_CLASSES; sc++) shrink(&c->bins[sc], 0);
	cache = 0;
	__libc_free(c);
}
