// flags: -fno-builtin
// The string functions on all small lengths and offsets, right before a page that is not
// there, against plain loops.
#include "common.h"
#include <sys/mman.h>

static unsigned seed = 1;
static unsigned next(void) { return (seed = seed * 1664525 + 1013904223) >> 16; }
static int sign(int x) { return (x > 0) - (x < 0); }

static int compare(const unsigned char *a, const unsigned char *b, size_t n, int text)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
		if (text && !a[i]) return 0;
	}
	return 0;
}

// edge returns the end of a page that no other page follows.
static char *edge(void)
{
	char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(munmap(p + 4096, 4096));
	return p + 4096;
}

int main(void)
{
	char *p = edge(), *q = edge();
	int wrong = 0, cases = 0;
	for (int len = 0; len < 70; len++)
		for (int slack = 0; slack < 10; slack++)
			for (int round = 0; round < 6; round++) {
				char *a = p - len - 1 - slack, *b = q - len - 1 - (next() % 10);
				for (int i = 0; i < len; i++) {
					a[i] = next() % 3 + (round & 1 ? 0x7f : 'a');
					if (!a[i]) a[i] = 1;
				}
				a[len] = 0;
				for (int i = 0; i < slack; i++) a[len + 1 + i] = 0x80 + i;
				memcpy(b, a, len + 1);
				if (len && round > 2) {
					char *c = b + next() % len;
					*c ^= 0x81;
					if (!*c) *c = 5;
				}
				wrong += strlen(a) != (size_t)len;
				wrong += strnlen(a, len / 2) != (size_t)len / 2;
				wrong += sign(strcmp(a, b)) != compare((void *)a, (void *)b, len + 1, 1);
				for (int n = 0; n <= len + 3; n++)
					wrong += sign(strncmp(a, b, n)) != compare((void *)a, (void *)b, n > len + 1 ? len + 1 : n, 1);
				for (int n = 0; n <= len + 1; n++)
					wrong += sign(memcmp(a, b, n)) != compare((void *)a, (void *)b, n, 0);
				for (int c = 0; c < 256; c += round < 2 ? 1 : 37) {
					char *want = 0, *last = 0;
					for (int i = 0; i <= len; i++)
						if ((unsigned char)a[i] == c) { if (!want) want = a + i; last = a + i; }
					wrong += memchr(a, c, len + 1) != want || strchr(a, c) != want;
					wrong += memrchr(a, c, len + 1) != last || strrchr(a, c) != last;
					wrong += strchrnul(a, c) != (want ? want : a + len);
				}
				char out[100];
				memset(out, '#', sizeof out);
				wrong += stpcpy(out + 3, a) != out + 3 + len;
				wrong += memcmp(out + 3, a, len + 1) != 0 || out[2] != '#' || out[len + 4] != '#';
				memset(out + 5, 'x', len);
				for (int i = 0; i < len; i++) wrong += out[5 + i] != 'x';
				wrong += out[5 + len] == 'x';
				cases++;
			}
	printf("%d cases, %d wrong\n", cases, wrong);
	return wrong != 0;
}
