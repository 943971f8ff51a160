// Strings, numbers, sorting, searching, wide characters, patterns, character sets.
#include "common.h"
#include <ctype.h>
#include <fnmatch.h>
#include <iconv.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <search.h>
#include <stdint.h>
#include <wchar.h>
#include <wctype.h>

static int by_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void numbers(void)
{
	char *end;
	printf("%ld ", strtol("0x7fZ", &end, 0)); printf("%s\n", end);
	errno = 0; printf("%ld ", strtol("99999999999999999999", 0, 10)); printf("%s\n", errno_name(errno));
	errno = 0; printf("%ld ", strtol("-99999999999999999999", 0, 10)); printf("%s\n", errno_name(errno));
	printf("%lu %llu %ld\n", strtoul("-1", 0, 10), strtoull("18446744073709551615", 0, 10), strtol("zz", 0, 36));
	printf("%d %ld %lld %g\n", atoi("  42x"), atol("-9000000000"), atoll("123456789012345678"), atof("1e3x"));
	printf("%.17g %.17g %g ", strtod("0.1", 0), strtod("1e-310", 0), strtod("0x1.8p3", &end));
	printf("%d\n", *end);
	errno = 0; printf("%g ", strtod("1e400", 0)); printf("%s\n", errno_name(errno));
	printf("%.9g %d %d\n", strtof("3.14159274", 0), isnan(strtod("nan", 0)) != 0, isinf(strtod("-inf", 0)) != 0);
	printf("%jd %ju\n", strtoimax("-5", 0, 10), strtoumax("5", 0, 10));
	div_t d = div(-7, 2); ldiv_t l = ldiv(-9000000000L, 7); lldiv_t ll = lldiv(-7, -2);
	printf("%d %d %ld %ld %lld %lld\n", d.quot, d.rem, l.quot, l.rem, ll.quot, ll.rem);
	printf("%d %ld %lld %jd\n", abs(-5), labs(-5L), llabs(-5LL), imaxabs(-5));
	printf("%zu %zu %zu %zu %zu\n", sizeof(int), sizeof(long), sizeof(long long), sizeof(int64_t), sizeof(off_t));
	printf("%d %d %d\n", CHAR_BIT, INT_MAX == 2147483647, LONG_MAX == 9223372036854775807L);
}

static void texts(void)
{
	char buf[100], copy[100];
	strcpy(buf, "the quick brown fox");
	printf("%zu %zu %s %s %s\n", strlen(buf), strnlen(buf, 5), strchr(buf, 'q'), strrchr(buf, 'o'), strstr(buf, "brown"));
	printf("%zu %zu %s\n", strspn(buf, "eht "), strcspn(buf, "q"), strpbrk(buf, "xyz"));
	char *save;
	for (char *t = strtok_r(buf, " ", &save); t; t = strtok_r(0, " ", &save)) printf("[%s]", t);
	printf("\n%d %d %d\n", strcmp("a", "b") < 0, strncmp("abc", "abd", 2), strcasecmp("HeLLo", "hEllO"));
	memset(buf, 0, sizeof buf);
	strncpy(buf, "abcdef", 3); strcat(buf, "XYZ"); strncat(buf, "123456", 2);
	printf("%s %s\n", buf, strndup("duplicate", 3));
	for (int size = 0; size < 70; size++)
		for (int at = 0; at < 8; at++) {
			for (int i = 0; i < 100; i++) buf[i] = i;
			memcpy(copy, buf, 100);
			memmove(buf + at, buf + 4, size);
			for (int i = 0; i < 100; i++) {
				int want = i >= at && i < at + size ? copy[i - at + 4] : copy[i];
				if (buf[i] != want) { printf("memmove %d %d wrong\n", size, at); return; }
			}
			memset(buf + at, 7, size);
			for (int i = 0; i < size; i++) if (buf[at + i] != 7) { printf("memset wrong\n"); return; }
			memcpy(buf + at, copy, size);
			if (memcmp(buf + at, copy, size)) { printf("memcpy wrong\n"); return; }
		}
	printf("memory functions agree\n");
	printf("%d %d %d %d\n", memchr("abc", 'c', 3) != 0, memmem("haystack", 8, "sta", 3) != 0, memrchr("abca", 'a', 4) != 0, (int)(char)*(char *)mempcpy(copy, "xy", 2));
	for (int c = 0; c < 128; c += 9) printf("%d%d%d%d%d ", !!isalpha(c), !!isdigit(c), !!isspace(c), !!ispunct(c), !!iscntrl(c));
	printf("%c%c\n", toupper('a'), tolower('Z'));
	char *list = strdup("a,b;c"), *at = list, *part;
	while ((part = strsep(&at, ",;"))) printf("<%s>", part);
	printf("\n");
}

static void sorting(void)
{
	static int v[5000];
	unsigned s = 1;
	for (int i = 0; i < 5000; i++) v[i] = (s = s * 1103515245 + 12345) >> 8 & 0xffff;
	qsort(v, 5000, sizeof *v, by_int);
	int wrong = 0;
	for (int i = 1; i < 5000; i++) wrong += v[i - 1] > v[i];
	printf("qsort %d wrong, %08x\n", wrong, checksum(v, sizeof v));
	for (int n = 0; n < 40; n++) {
		int w[40];
		for (int i = 0; i < n; i++) w[i] = (i * 7919 + n) % 41;
		qsort(w, n, sizeof *w, by_int);
		for (int i = 1; i < n; i++) if (w[i - 1] > w[i]) printf("size %d wrong\n", n);
	}
	int key = v[1234];
	printf("bsearch %d\n", *(int *)bsearch(&key, v, 5000, sizeof *v, by_int) == key);
	void *root = 0;
	const char *words[] = { "one", "two", "three", "two" };
	for (int i = 0; i < 4; i++) tsearch(words[i], &root, by_text);
	printf("tfind %d %d\n", tfind("three", &root, by_text) != 0, tfind("four", &root, by_text) != 0);
	hcreate(10);
	hsearch((ENTRY){ "key", "value" }, ENTER);
	printf("hsearch %s\n", (char *)hsearch((ENTRY){ "key", 0 }, FIND)->data);
	hdestroy();
}

static void wide(void)
{
	printf("%s\n", setlocale(LC_ALL, "C.UTF-8") ? "C.UTF-8" : "no locale");
	printf("%s\n", nl_langinfo(CODESET));
	wchar_t w[50];
	char m[50];
	size_t n = mbstowcs(w, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 50);
	printf("%zu %x %x %x\n", n, (unsigned)w[2], (unsigned)w[5], (unsigned)w[7]);
	printf("%zu %zu\n", wcstombs(m, w, 50), wcslen(w));
	errno = 0;
	printf("%d ", (int)mbstowcs(w, "\xff\xfe", 50)); printf("%s\n", errno_name(errno));
	printf("%d %d %x %x\n", !!iswalpha(0xe4), !!iswdigit('5'), (unsigned)towupper(0xe4), (unsigned)towlower(0x416));
	printf("%d %d\n", wcwidth(0x4f60), wcwidth('a'));
	mbstate_t st = { 0 };
	printf("%d ", (int)mbrtowc(w, "\xe2\x82", 2, &st)); printf("%d\n", (int)mbrtowc(w, "\xac", 1, &st));
	swprintf(w, 50, L"%d %ls %s", 7, L"w", "n");
	printf("%ls %ld\n", w, wcstol(L"123abc", 0, 10));
	iconv_t cd = iconv_open("UTF-8", "ISO-8859-1");
	char in[] = "caf\xe9", *ip = in, out[20] = "", *op = out;
	size_t il = 4, ol = 20;
	printf("%d ", (int)iconv(cd, &ip, &il, &op, &ol)); printf("%zu %02x%02x\n", il, (unsigned char)out[3], (unsigned char)out[4]);
	iconv_close(cd);
	cd = iconv_open("UTF-16BE", "UTF-8");
	char in2[] = "\xf0\x9f\x98\x80"; ip = in2; il = 4; op = out; ol = 20;
	printf("%d ", (int)iconv(cd, &ip, &il, &op, &ol)); printf("%02x%02x%02x%02x\n", (unsigned char)out[0], (unsigned char)out[1], (unsigned char)out[2], (unsigned char)out[3]);
	iconv_close(cd);
	printf("%d\n", iconv_open("NONSENSE", "UTF-8") == (iconv_t)-1);
}

static void patterns(void)
{
	regex_t re;
	regmatch_t m[4];
	printf("%d ", regcomp(&re, "([a-z]+)-([0-9]{2,4})(x)?", REG_EXTENDED));
	printf("%d ", regexec(&re, "  key-1234 rest", 4, m, 0));
	for (int i = 0; i < 4; i++) printf("[%d,%d]", (int)m[i].rm_so, (int)m[i].rm_eo);
	printf(" %d\n", regexec(&re, "nothing", 4, m, 0) == REG_NOMATCH);
	regfree(&re);
	printf("%d ", regcomp(&re, "^h.*o$", REG_ICASE | REG_NOSUB)); printf("%d\n", regexec(&re, "HELLO", 0, 0, 0));
	regfree(&re);
	printf("%d\n", regcomp(&re, "(", REG_EXTENDED) != 0);

	// Collating symbols and equivalence classes, in the form that has one meaning in all locales.
	setlocale(LC_ALL, "C.UTF-8");
	const char *brackets[] = { "[[=d=]]", "[[.d.][.D.]]", "[[.-.]a]", "[[.].]]", "[^[.a.]b]", "[a-[.c.]]", "[[.a.]-c]",
		"[[=a=]x-z]" };
	const char *ranges[] = { "[\u00e0-\u00fcz]", "[^\u00e0-\u00fcz]", "[^\u00e0-\u00fc\u20ac]", "[\u00e0-[.\u00fc.]z]" };
	const char *texts[] = { "a", "b", "c", "d", "D", "-", "]", "z", ".", "=", "\u00e9", "\u00f1" };
	for (int i = 0; i < 8; i++) {
		printf("%s %d", brackets[i], regcomp(&re, brackets[i], REG_EXTENDED | REG_NOSUB));
		for (int j = 0; j < 12; j++) printf(" %d%d", !regexec(&re, texts[j], 0, 0, 0), !fnmatch(brackets[i], texts[j], 0));
		putchar('\n');
		regfree(&re);
	}
	for (int i = 0; i < 4; i++) {
		printf("%s", ranges[i]);
		for (int j = 0; j < 12; j++) printf(" %d", !fnmatch(ranges[i], texts[j], 0));
		putchar('\n');
	}
	const char *wrong[] = { "[[.ab.]]", "[[.a.", "[[=a=]-z]", "[a-[=z=]]", "[[.a.]", "[[==]]" };
	for (int i = 0; i < 6; i++) printf("%s %d\n", wrong[i], regcomp(&re, wrong[i], REG_EXTENDED) != 0);
}

int main(void)
{
	numbers();
	texts();
	sorting();
	patterns();
	wide();
	return 0;
}
