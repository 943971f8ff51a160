#include <string.h>
#include "copy.h"

SIMD void *memmove(void *dest, const void *src, size_t n)
{
	copy(dest, src, n);
	return dest;
}
