// malloc under a long random mix, with the contents checked.
#include "common.h"
#include <malloc.h>
#include <stdint.h>

#define SLOTS 2000

static unsigned seed = 12345;
static unsigned next(void) { return seed = seed * 1664525 + 1013904223; }

int main(void)
{
	static unsigned char *slot[SLOTS];
	static size_t size[SLOTS];
	unsigned long long total = 0;
	int wrong = 0;
	for (int i = 0; i < 400000; i++) {
		unsigned n = (next() >> 8) % SLOTS;
		unsigned what = (next() >> 8) % 8;
		size_t want = (next() >> 8) % 600;
		if (what == 7) want *= 100;
		if (i % 20000 == 0) want = 3 << 20;
		unsigned char mark = n;
		if (slot[n]) {
			if (slot[n][0] != mark || slot[n][size[n] - 1] != mark || slot[n][size[n] / 2] != mark) wrong++;
			if (what < 3) {
				unsigned char *p = realloc(slot[n], want + 1);
				if (p[0] != mark) wrong++;
				size[n] = want + 1;
				slot[n] = p;
				memset(p, mark, want + 1);
				continue;
			}
			free(slot[n]);
			slot[n] = 0;
			continue;
		}
		if (what == 0) {
			slot[n] = calloc(want + 1, 1);
			for (size_t k = 0; k <= want; k++) if (slot[n][k]) wrong++;
		} else if (what == 1) {
			size_t align = 16u << (next() >> 8) % 8;
			slot[n] = aligned_alloc(align, want + 1);
			if ((uintptr_t)slot[n] % align) wrong++;
		} else {
			slot[n] = malloc(want + 1);
		}
		if ((uintptr_t)slot[n] % 16) wrong++;
		size[n] = want + 1;
		memset(slot[n], mark, want + 1);
		total += want;
	}
	printf("wrong %d, allocated %llu\n", wrong, total);
	for (int i = 0; i < SLOTS; i++) free(slot[i]);

	for (int i = 0; i < 200; i++) {
		char *big = malloc(16 << 20);
		big[0] = big[(16 << 20) - 1] = 1;
		free(big);
	}
	printf("200 times 16 MiB\n");
	char *grow = 0;
	for (size_t n = 1; n <= 32 << 20; n *= 2) {
		grow = realloc(grow, n);
		grow[n - 1] = 'g';
	}
	printf("grown %c%c\n", grow[(1 << 20) - 1], grow[(32 << 20) - 1]);
	free(grow);
	/* Hidden from the compiler, which would leave the calls out. */
	volatile size_t much = SIZE_MAX / 2 + 10, half = SIZE_MAX / 2;
	void *volatile none;
	errno = 0;
	none = malloc(much);
	printf("%d %s ", none == 0, errno_name(errno));
	none = calloc(half, 3);
	printf("%d ", none == 0);
	void *p = 0;
	int r = posix_memalign(&p, 4096, 100);
	printf("%d %d ", r, (int)((uintptr_t)p % 4096));
	printf("%s\n", errno_name(posix_memalign(&p, 3, 100)));
	printf("%d\n", malloc_usable_size(p) >= 100);
	none = malloc(0);
	printf("%d\n", none != 0);
	free(0);
	return wrong != 0;
}
