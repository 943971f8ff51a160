// flags: -fno-builtin
// The string functions in all lengths, alignments and overlaps that matter to code that works
// on blocks of 16 and 64 bytes, right before a page that is not there and right behind one,
// against plain loops.
#include "common.h"
#include <sys/mman.h>

static unsigned seed = 7;
static unsigned next(void) { return (seed = seed * 1664525 + 1013904223) >> 16; }
static int sign(int x) { return (x > 0) - (x < 0); }
static int wrong;

#define CHECK(what) do { if (!(what)) { if (wrong++ < 20) printf("line %d: len %d: %s\n", __LINE__, len, #what); } } while (0)

// lone returns a page with no neighbours.
static char *lone(void)
{
	char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(munmap(p, 4096));
	MUST(munmap(p + 2 * 4096, 4096));
	return p + 4096;
}

static void strings(char *page, int len, int end)
{
	// A string whose zero is end bytes before the end of the page.
	char *s = page + 4096 - 1 - end - len, *zero = s + len;
	memset(page, 'x', 4096);
	for (int i = 0; i < len; i++) s[i] = 'a' + i % 3;
	*zero = 0;
	for (char *p = zero + 1; p < page + 4096; p++) *p = next() % 3 ? 'q' : 0;
	int room = page + 4096 - s;
	CHECK(strlen(s) == (size_t)len);
	CHECK(strnlen(s, room) == (size_t)len && strnlen(s, len) == (size_t)len && strnlen(s, len / 3) == (size_t)len / 3);
	CHECK(strnlen(s, (size_t)-1) == (size_t)len);
	CHECK(strchr(s, 0) == zero && strrchr(s, 0) == zero && memchr(s, 0, room) == zero && memchr(s, 0, (size_t)-1) == zero);
	CHECK(!strchr(s, 'q') && !strrchr(s, 'x') && strchrnul(s, 'q') == zero && !memchr(s, 0, len) && !memchr(s, 'a', 0) && !memrchr(s, 'a', 0));
	CHECK(!memrchr(s, 'x', len) && memrchr(s, 0, len + 1) == zero);
	if (!len) return;
	int at = next() % len;
	char old = s[at];
	s[at] = '\x80';
	char *there = s + at;
	CHECK(strchr(s, 0x80) == there && strrchr(s, 0x80) == there && strchrnul(s, 0x180) == there);
	CHECK(memchr(s, 0x80, len) == there && memrchr(s, 0x80, len) == there && memchr(s, 0x80, at + 1) == there && !memchr(s, 0x80, at));
	CHECK(!memrchr(s + at + 1, 0x80, len - at - 1) && memrchr(s + at, 0x80, len - at) == there && memchr(s, 0x180, (size_t)-1) == there);
	CHECK(strcspn(s, "\x80") == (size_t)at && strspn(s, "abc") == (size_t)at);
	s[at] = old;
}

static void comparisons(char *p, char *q, int len, int end)
{
	char *a = p + 4096 - 1 - len, *b = q + 4096 - 1 - end - len;
	for (int i = 0; i < len; i++) a[i] = b[i] = 1 + next() % 255;
	a[len] = b[len] = 0;
	CHECK(!strcmp(a, b) && !strncmp(a, b, len) && !strncmp(a, b, (size_t)-1) && !memcmp(a, b, len + 1));
	if (!len) return;
	int at = next() % len;
	unsigned char old = b[at];
	b[at] ^= 1 + next() % 255;
	int want = sign((unsigned char)a[at] - (unsigned char)b[at]);
	CHECK(sign(strcmp(a, b)) == want && sign(strcmp(b, a)) == -want && sign(memcmp(a, b, len)) == want && sign(memcmp(b, a, len)) == -want);
	CHECK(!strncmp(a, b, at) && sign(strncmp(a, b, at + 1)) == want && !memcmp(a, b, at) && sign(memcmp(a, b, at + 1)) == want);
	if (at + 1 < len) b[at + 1] ^= 0x40; // only the first difference counts
	CHECK(sign(memcmp(a, b, len)) == want);
	b[at] = old;
	memset(p, 0, 4096);
	memset(q, 0, 4096);
}

static void copies(char *page, int len, int from, int to)
{
	static unsigned char before[4096], copy[1024];
	char *end = page + 4096, *base = end - 1024;
	for (int i = 0; i < 1024; i++) before[i] = base[i] = next();
	char *s = base + from, *d = base + to;
	memcpy(copy, s, len);
	for (int i = 0; i < len; i++) CHECK(copy[i] == before[from + i]);
	CHECK(memmove(d, s, len) == d);
	int ok = 1;
	for (int i = 0; i < 1024; i++)
		ok &= (unsigned char)base[i] == before[i >= to && i < to + len ? from + i - to : i];
	CHECK(ok);
}

static void sets(char *page, int len, int end)
{
	char *d = page + 4096 - len - end;
	memset(page, 'x', 4096);
	CHECK(memset(d, 0x1f3, len) == d);
	int ok = 1;
	for (char *p = page; p < page + 4096; p++) ok &= (unsigned char)*p == (p >= d && p < d + len ? 0xf3 : 'x');
	CHECK(ok);
}

static void strcopies(char *p, char *q, int len, int end)
{
	char *s = p + 4096 - 1 - len, *d = q + 4096 - 1 - end - len;
	for (int i = 0; i < len; i++) s[i] = 'a' + next() % 26;
	s[len] = 0;
	memset(q, 'x', 4096);
	CHECK(strcpy(d, s) == d && !memcmp(d, s, len + 1) && d[-1] == 'x' && (!end || d[len + 1] == 'x'));
	memset(q, 'x', 4096);
	CHECK(stpcpy(d, s) == d + len && !memcmp(d, s, len + 1) && d[-1] == 'x');
	for (int n = 0; n <= len + 1 + end; n += 1 + len / 4) {
		memset(q, 'x', 4096);
		int k = n < len ? n : len, ok = 1;
		CHECK(strncpy(d, s, n) == d && stpncpy(d, s, n) == d + k && !memcmp(d, s, k));
		for (int i = k; i < len + 1 + end; i++) ok &= d[i] == (i < n ? 0 : 'x');
		CHECK(ok && d[-1] == 'x');
	}
	if (len < 3) return;
	memset(q, 'x', 4096);
	*d = 0;
	strncat(d, s, 2);
	CHECK(!memcmp(d, s, 2) && !d[2] && d[3] == 'x');
	d[1] = 0;
	strcat(d, s + 1);
	CHECK(!strcmp(d, s));
	memset(q, 'x', 4096);
	int at = next() % len;
	char *found = memccpy(d, s, s[at], len);
	CHECK(found == d + ((char *)memchr(s, s[at], len) - s) + 1 && found[-1] == s[at] && *found == 'x');
	CHECK(!memccpy(d, s, '#', len) && !memcmp(d, s, len));
}

int main(void)
{
	char *p = lone(), *q = lone();
	for (int len = 0; len < 300; len += len < 140 ? 1 : 7) {
		for (int end = 0; end < 70; end++) strings(p, len, end);
		strings(p, len, 4095 - len); // right behind the page that is not there
		for (int end = 0; end < 20; end++) comparisons(p, q, len, end), strcopies(p, q, len, end), sets(p, len, end);
		sets(p, len, 4096 - len);
		for (int to = 0; to < 20; to++) {
			copies(p, len, 1024 - len, 3 + to);
			copies(p, len, to, 1024 - len);
			copies(p, len, 200, 200 + to);
			copies(p, len, 200 + to, 200);
			copies(p, len, 150, 150 + len / 2 + to);
			copies(p, len, 150 + len / 2 + to, 150);
		}
	}
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
