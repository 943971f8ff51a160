#define _BSD_SOURCE
#include <string.h>

size_t strlcpy(char *d, const char *s, size_t n)
{
	size_t length = strlen(s);
	if (n) {
		n = length<n ? length : n-1;
		memcpy(d, s, n);
		d[n] = 0;
	}
	return length;
}
