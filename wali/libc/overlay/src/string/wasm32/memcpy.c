#include <string.h>
#include "copy.h"

SIMD void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	copy(dest, src, n);
	return dest;
}
