#include <string.h>
#include "words.h"

void *__memrchr(const void *src, int c, size_t n)
{
	const unsigned char *s = src;
	c = (unsigned char)c;
	for (; n && (uintptr_t)(s+n) % 8; n--) if (s[n-1] == c) return (void *)(s+n-1);
	/* zeros is exact about whether there is a zero, not about which but the first are. */
	while (n >= 8 && !zeros(LOAD(s+n-8) ^ ONES*c)) n -= 8;
	for (; n; n--) if (s[n-1] == c) return (void *)(s+n-1);
	return 0;
}

weak_alias(__memrchr, memrchr);
