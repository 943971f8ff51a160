// flags: -lm
// Every conversion of printf, with flags, widths and precisions, and scanf back.
#include "common.h"
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>
#include <locale.h>

int main(void)
{
	printf("[%d] [%i] [%u] [%o] [%x] [%X]\n", -1, INT_MIN, UINT_MAX, 0777u, 0xbeefu, 0xBEEFu);
	printf("[%5d] [%-5d] [%05d] [%+d] [% d] [%.4d] [%8.4d] [%-8.4d]\n", 42, 42, 42, 42, 42, 42, 42, 42);
	printf("[%#o] [%#x] [%#X] [%#x] [%.0d] [%'d]\n", 8u, 255u, 255u, 0u, 0, 12345);
	printf("[%hhd] [%hhu] [%hd] [%hu]\n", (signed char)-1, (unsigned char)255, (short)-1, (unsigned short)65535);
	printf("[%ld] [%lu] [%lx] [%lo]\n", LONG_MIN, ULONG_MAX, LONG_MAX, 0777L);
	printf("[%lld] [%llu] [%llx]\n", LLONG_MIN, ULLONG_MAX, LLONG_MAX);
	printf("[%jd] [%ju] [%zd] [%zu] [%td]\n", INTMAX_MIN, UINTMAX_MAX, (size_t)12, (size_t)34, (ptrdiff_t)-56);
	printf("[%" PRId8 "] [%" PRIu8 "] [%" PRId16 "] [%" PRId32 "] [%" PRIu32 "]\n", INT8_MIN, UINT8_MAX, INT16_MIN, INT32_MIN, UINT32_MAX);
	printf("[%" PRId64 "] [%" PRIu64 "] [%" PRIx64 "] [%" PRIo64 "]\n", INT64_MIN, UINT64_MAX, INT64_MAX, INT64_MAX);
	printf("[%" PRIdMAX "] [%" PRIdFAST64 "] [%" PRIdLEAST64 "]\n", INTMAX_MAX, (int_fast64_t)5, (int_least64_t)6);
	printf("[%c] [%5c] [%-5c] [%s] [%.3s] [%10s] [%-10s] [%.*s]\n", 'x', 'y', 'z', "string", "string", "right", "left", 2, "precision");
	printf("[%%] [%*d] [%-*d]\n", 6, 7, 6, 8);
	printf("[%2$s %1$s]\n", "world", "hello");

	printf("[%f] [%.0f] [%#.0f] [%.3f] [%10.2f] [%-10.2f] [%+f] [%010.3f]\n", 3.14159, 2.5, 2.5, 2.0005, 3.14159, 3.14159, 1.0, -2.5);
	printf("[%e] [%E] [%.2e] [%g] [%G] [%g] [%g] [%#g] [%.10g]\n", 12345.678, 0.00012, 5e300, 100000.0, 1e-5, 1e6, 0.0001, 1.5, 1.0/3);
	printf("[%a] [%A] [%a] [%.2a]\n", 1.0, 255.5, 0x1.8p-1022, 1.999);
	printf("[%f] [%F] [%f] [%e] [%g] [%5.1f]\n", INFINITY, -INFINITY, fabs(NAN), INFINITY, -INFINITY, INFINITY);
	printf("[%f] [%g] [%e]\n", -0.0, -0.0, -0.0);
	printf("[%.17g] [%.17g] [%.17g]\n", DBL_MAX, DBL_MIN, DBL_EPSILON);
	printf("[%.20f] [%.0f] [%.30e]\n", 0.1, 1e22, 1.0/3);
	printf("[%Lf] [%.3Le] [%Lg] [%.15Lf]\n", 2.5L, 12345.678L, 0.0001L, 1.0L/8);
	printf("[%Lf] [%Lf] [%.0Lf]\n", (long double)INFINITY, -0.0L, 9007199254740993.0L);

	/* The leading digit of %La depends on the width of the mantissa: read it back. */
	char buf[200];
	long double values[] = { 1, -3.75L, 0x1.8p-100L, 1e30L, 0 };
	for (int i = 0; i < 5; i++) {
		snprintf(buf, sizeof buf, "%La", values[i]);
		printf("%s ", strtold(buf, 0) == values[i] ? "same" : buf);
	}
	printf("\n");

	int count = 0;
	printf("counted%n", &count);
	printf(" %d\n", count);
	printf("%d\n", snprintf(buf, 5, "truncated"));
	printf("[%s] ", buf);
	printf("%d\n", snprintf(0, 0, "%d %s", 12345, "abc"));
	char *text = 0;
	int made = asprintf(&text, "%s-%d", "made", 9);
	printf("%d [%s]\n", made, text);
	free(text);

	setlocale(LC_ALL, "C.UTF-8");
	printf("[%ls] [%lc] [%.3ls]\n", L"wide \u00e4\u20ac", (wint_t)0x20ac, L"\u00e4\u00f6");
	printf("[%p]\n", (void *)0 == NULL ? (void *)0x1234 : 0);

	int d = 0; unsigned x = 0; long l = 0; long long ll = 0; double f = 0; float ff = 0; long double ld = 0;
	char word[20] = "", set[20] = ""; char c = 0; short h = 0; signed char hh = 0; size_t z = 0; int64_t i64 = 0;
	SHOW(sscanf("42 0xff -7 9000000000 2.5 1.25 0.125 word abc123", "%d %x %ld %lld %lf %f %Lf %19s %19[a-z]", &d, &x, &l, &ll, &f, &ff, &ld, word, set));
	printf("%d %u %ld %lld %g %g %Lg %s %s\n", d, x, l, ll, f, ff, ld, word, set);
	SHOW(sscanf("  z 12 -3 77 -5000000000 ~", " %c %hd %hhd %zu %" SCNd64, &c, &h, &hh, &z, &i64));
	printf("%c %d %d %zu %" PRId64 "\n", c, h, hh, z, i64);
	SHOW(sscanf("077 0x1f 12", "%i %i %i", &d, (int *)&x, &count));
	printf("%d %d %d\n", d, x, count);
	SHOW(sscanf("10:20", "%d:%*d%n", &d, &count));
	printf("%d %d\n", d, count);
	SHOW(sscanf("abc", "%d", &d));
	SHOW(sscanf("", "%d", &d));
	SHOW(sscanf("nan inf 0x1p4", "%lf %f %Lf", &f, &ff, &ld));
	printf("%d %d %Lg\n", isnan(f) != 0, isinf(ff) != 0, ld);
	return 0;
}
