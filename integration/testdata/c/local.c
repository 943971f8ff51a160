// Thread-local variables of a single thread, alignment, weak symbols, alloca, variadic functions.
#include "common.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

static _Thread_local int zero, set = 5;
static _Thread_local alignas(64) char aligned[100] = "aligned";
_Thread_local long many[1000] = { [999] = 9 };

extern int absent(void) __attribute__((weak));
__attribute__((weak)) int present(void) { return 3; }

static double sum(const char *kinds, ...)
{
	va_list ap, again;
	double s = 0;
	va_start(ap, kinds);
	va_copy(again, ap);
	for (int pass = 0; pass < 2; pass++)
		for (const char *k = kinds; *k; k++) {
			va_list *v = pass ? &again : &ap;
			switch (*k) {
			case 'i': s += va_arg(*v, int); break;
			case 'l': s += va_arg(*v, long); break;
			case 'd': s += va_arg(*v, double); break;
			case 'D': s += va_arg(*v, long double); break;
			case 's': s += strlen(va_arg(*v, char *)); break;
			}
		}
	va_end(ap);
	va_end(again);
	return s;
}

struct big { int a[20]; };
static struct big by_value(struct big b, int n) { b.a[n]++; return b; }

__attribute__((noinline)) static int vla(int n)
{
	int a[n];
	for (int i = 0; i < n; i++) a[i] = i;
	int *p = __builtin_alloca(n * sizeof *p);
	memcpy(p, a, n * sizeof *p);
	return p[n - 1] + a[n / 2];
}

int main(void)
{
	zero++;
	set += zero;
	printf("%d %d %s %ld %d\n", zero, set, aligned, many[999], (int)((uintptr_t)aligned % 64));
	printf("%s %d\n", absent ? "there" : "absent", present());
	printf("%g\n", sum("ildDs", 1, 2L, 0.5, 0.25L, "four"));
	printf("%g\n", sum("dililid", 1.5, 2, 3L, 4, 5L, 6, 7.25));
	struct big b = { { 1, 2, 3 } };
	b = by_value(by_value(b, 0), 1);
	printf("%d %d\n", b.a[0], b.a[1]);
	printf("%d\n", vla(1000));
	atomic_int i = 5;
	atomic_llong ll = 1LL << 40;
	printf("%d ", atomic_fetch_add(&i, 3));
	printf("%d ", atomic_load(&i));
	printf("%lld\n", atomic_fetch_or(&ll, 1));
	int expected = 8;
	printf("%d ", atomic_compare_exchange_strong(&i, &expected, 1));
	printf("%d\n", (int)atomic_load(&i));
	_Atomic unsigned char c = 250;
	c += 10;
	printf("%d\n", c);
	static const char *const table[] = { "a", "b", [5] = "f" };
	printf("%zu %s %d\n", sizeof table / sizeof *table, table[5], table[3] == 0);
	struct bits { unsigned a : 3; int b : 5; unsigned long long c : 40; } bits = { 9, -3, 1ULL << 39 };
	printf("%d %d %llu\n", bits.a, bits.b, (unsigned long long)bits.c);
	printf("%d %d %d\n", __builtin_popcount(0xff0f), __builtin_clz(1), __builtin_bswap32(0x12345678) == 0x78563412);
	return 0;
}
