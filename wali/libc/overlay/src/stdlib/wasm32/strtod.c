#include <stdlib.h>
#include "doublescan.h"
#include "floatscan.h"
#include "shgetc.h"
#include "stdio_impl.h"

/* The end of a number that began at s. */
static void set_end(FILE *f, const char *s, char **end)
{
	if (end) *end = (char *)s + shcnt(f);
}

static double scan(const char *s, char **end, int prec)
{
	FILE f;
	sh_fromstring(&f, s);
	shlim(&f, 0);
	double y = __doublescan(&f, prec, 1);
	set_end(&f, s, end);
	return y;
}

float strtof(const char *restrict s, char **restrict end)
{
	return scan(s, end, 0);
}

double strtod(const char *restrict s, char **restrict end)
{
	return scan(s, end, 1);
}

long double strtold(const char *restrict s, char **restrict end)
{
	FILE f;
	sh_fromstring(&f, s);
	shlim(&f, 0);
	long double y = __floatscan(&f, 2, 1);
	set_end(&f, s, end);
	return y;
}
