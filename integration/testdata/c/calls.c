// flags: -w
// Calls through function pointers of another type than the function: C programs do this,
// and native machines forgive it. Only what x86-64 and the adapters both define is shown.
#include "common.h"
#include <stdint.h>

typedef void (*any)(void);

static int none(void) { return 1; }
static int one(int a) { return a * 10; }
static int two(int a, int b) { return a * 10 + b; }
static int many(int a, int b, int c, int d, int e, int f) { return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6; }
static void nothing(void) { printf("nothing "); }
static void takes(int a) { printf("takes %d ", a); }
static long wide(long a) { return a + 1; }
static long wide2(long a, long b) { return a * 1000 + b; }
static int text(char *s) { return (int)strlen(s); }
static char *give(void) { static char s[] = "given"; return s; }
static signed char narrow(signed char c) { return c; }
static unsigned mixed(unsigned char a, short b, unsigned c) { return a + b + c; }
static double real(double d) { return d * 2; }
static float single(float f) { return f * 4; }
static double blend(int i, double d, long l) { return i + d + l; }

#define AS(type, f) ((type)(any)volatile_##f)
#define HIDE(f) any volatile volatile_##f = (any)f;

HIDE(none) HIDE(one) HIDE(two) HIDE(many) HIDE(nothing) HIDE(takes) HIDE(wide) HIDE(wide2)
HIDE(text) HIDE(give) HIDE(narrow) HIDE(mixed) HIDE(real) HIDE(single) HIDE(blend)

static int compare(const char **a, const char **b) { return strcmp(*a, *b); }

struct table { const char *name; int (*f)(); };

int main(void)
{
	printf("right types: %d %d %d\n", AS(int (*)(void), none)(), AS(int (*)(int), one)(3), AS(int (*)(int, int), two)(4, 5));

	/* More arguments than the function takes. */
	printf("surplus: %d %d %d\n", AS(int (*)(int), none)(9), AS(int (*)(int, int, char *), one)(3, 4, "x"),
		AS(int (*)(int, int, int, int, int, int), two)(1, 2, 3, 4, 5, 6));
	printf("surplus of other types: %d %d\n", AS(int (*)(int, long), one)(3, 1L << 40), AS(int (*)(int, double), one)(3, 2.5));

	/* Fewer: only functions that do not look at what is missing are defined. */
	printf("result unused: ");
	AS(void (*)(void), none)();
	AS(void (*)(int), one)(3);
	printf("done\n");

	/* A result that nobody gave is not looked at. */
	(void)AS(int (*)(void), nothing)();
	(void)AS(long (*)(int), takes)(7);
	(void)AS(char *(*)(int, int), takes)(8, 9);
	printf("\n");

	/* int and long: the low half is what counts. */
	printf("long from int: %d\n", (int)AS(int (*)(int), wide)(41));
	printf("int from long: %d\n", (int)AS(long (*)(long), one)(5L));
	printf("both: %d\n", (int)AS(int (*)(int, long), wide2)(3, 7L));
	printf("wide result kept: %ld\n", AS(long (*)(long), wide)(1L << 40));

	/* Pointers and integers of the same size. */
	static char hello[] = "hello";
	printf("pointer: %d\n", AS(int (*)(void *), text)(hello));
	printf("pointer as integer: %d\n", AS(int (*)(uintptr_t), text)((uintptr_t)hello));
	printf("pointer result: %s\n", AS(void *(*)(int), give)(1) ? (char *)AS(char *(*)(int), give)(1) : "null");

	printf("narrow: %d %u\n", AS(int (*)(int), narrow)(-3), AS(unsigned (*)(int, int, unsigned), mixed)(200, -50, 1000));

	/* Floating point agrees with itself and stays beside integers. */
	printf("double: %g\n", AS(double (*)(double, int), real)(1.25, 3));
	printf("float: %g\n", (double)AS(float (*)(float, int), single)(1.25f, 3));
	printf("blend: %g\n", AS(double (*)(int, double, long, int), blend)(1, 0.5, 2L, 9));

	/* Without a prototype, as old programs keep their tables. */
	struct table table[] = { { "none", (int (*)())none }, { "one", (int (*)())one }, { "two", (int (*)())two },
		{ "text", (int (*)())text }, { "many", (int (*)())many } };
	struct table *volatile t = table;
	printf("%s %d\n", t[0].name, ((int (*)(void))t[0].f)());
	printf("%s %d\n", t[1].name, ((int (*)(int, int))t[1].f)(6, 7));
	printf("%s %d\n", t[2].name, ((int (*)(int, int, int))t[2].f)(6, 7, 8));
	printf("%s %d\n", t[3].name, ((int (*)(char *, int))t[3].f)(hello, 1));
	printf("%s %d\n", t[4].name, ((int (*)(int, int, int, int, int, int, int))t[4].f)(1, 2, 3, 4, 5, 6, 7));

	const char *words[] = { "pear", "apple", "fig", "date" };
	qsort(words, 4, sizeof *words, (int (*)(const void *, const void *))compare);
	printf("%s %s %s %s\n", words[0], words[1], words[2], words[3]);
	return 0;
}
