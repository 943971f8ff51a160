/* A few mappings of groups that have become free are kept for new groups. Programs that build
 * something up and take it down would otherwise give back every group and map another, with
 * two system calls and a page fault for each page. */
#include "cache.h"

#define MAPS 32
#define MAPS_SIZE (1<<20)

static struct {
	void *base;
	size_t len;
} maps[MAPS];
static int count;
static size_t total;

/* Both are called with malloc's lock. */

int __malloc_keep_map(void *base, size_t len)
{
	if (count==MAPS || len > MAPS_SIZE/8 || total+len > MAPS_SIZE) return 0;
	maps[count].base = base;
	maps[count++].len = len;
	total += len;
	return 1;
}

void *__malloc_kept_map(size_t len)
{
	for (int i=count; i-->0; ) {
		if (maps[i].len != len) continue;
		void *base = maps[i].base;
		maps[i] = maps[--count];
		total -= len;
		return base;
	}
	return 0;
}
