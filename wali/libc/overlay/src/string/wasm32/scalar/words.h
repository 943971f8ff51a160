/* Eight bytes at a time. Loads need no alignment; a load that goes past the end of a string
 * must not touch another page, which may not be there. */
#include <stdint.h>

#define ONES  0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

typedef uint64_t word __attribute__((__may_alias__, __aligned__(1)));

#define LOAD(p) (*(const word *)(p))

/* The lowest set bit belongs to the first byte that is zero. */
static inline uint64_t zeros(uint64_t x)
{
	return (x - ONES) & ~x & HIGHS;
}

static inline int within_page(const void *p)
{
	return ((uintptr_t)p & 4095) <= 4096 - 8;
}

static inline int first(uint64_t mask)
{
	return __builtin_ctzll(mask) >> 3;
}
