#include "../mallocng/meta.h"

/* mallocng's own are __libc_malloc_impl, __libc_free and __libc_realloc. */
#undef malloc
#undef free
#undef realloc

/* The classes of slots that threads keep: up to 2,032 bytes. */
#define CACHED_CLASSES 24
#define CACHED_MAX (127*UNIT-IB)

/* malloc, with slots that this thread has kept. */
hidden void *__cached_malloc(size_t);

/* Makes a slot free whose header says so already. */
hidden void __malloc_release(struct meta *, int idx);

hidden int __malloc_keep_map(void *base, size_t len);
hidden void *__malloc_kept_map(size_t len);

static inline unsigned char *slot_end(struct meta *g, int idx)
{
	return g->mem->storage + get_stride(g)*(idx+1) - IB;
}
