/* Sixteen bytes at a time. Loads need no alignment, but an aligned one is within one page,
 * so a string is read in aligned blocks: what is in the block before its first byte and
 * behind its last is there, and does not count. Functions whose strings cannot both be
 * aligned look how far the end of the page is.
 *
 * The rest of the library is built without SIMD, so that folder scalar is all that a module
 * without it needs instead. */
#include <stddef.h>
#include <stdint.h>

#define SIMD __attribute__((__target__("simd128")))

#define BLOCK 16

typedef signed char block __attribute__((__vector_size__(BLOCK)));
typedef block loose_block __attribute__((__may_alias__, __aligned__(1)));
typedef block tight_block __attribute__((__may_alias__));
typedef uint64_t loose_u64 __attribute__((__may_alias__, __aligned__(1)));
typedef uint32_t loose_u32 __attribute__((__may_alias__, __aligned__(1)));

#define LOAD(p) (*(const loose_block *)(p))
#define LOAD_ALIGNED(p) (*(const tight_block *)(p))
#define STORE(p, x) (*(loose_block *)(p) = (x))
#define LOAD8(p) (*(const loose_u64 *)(p))
#define LOAD4(p) (*(const loose_u32 *)(p))

#define inline inline __attribute__((__always_inline__)) SIMD

/* One bit for each byte that is not 0, the lowest for the first. */
static inline unsigned bits(block x)
{
	return __builtin_wasm_bitmask_i8x16(x);
}

static inline block all(int c)
{
	signed char b = c;
	return (block){ b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b };
}

static inline const char *block_of(const void *p)
{
	return (const char *)((uintptr_t)p & -BLOCK);
}

/* The place of p in its block. */
static inline unsigned place(const void *p)
{
	return (uintptr_t)p % BLOCK;
}

static inline unsigned first(unsigned bits)
{
	return __builtin_ctz(bits);
}

static inline int within_page(const void *p)
{
	return ((uintptr_t)p & 4095) <= 4096 - BLOCK;
}

/* Whether four blocks from here are in one page. */
static inline int aligned_four(const void *p)
{
	return !((uintptr_t)p & 4*BLOCK-1);
}
