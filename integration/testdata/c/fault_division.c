// fault: SIGFPE
// args: int
// args: long
// args: modulo
// args: overflow
// Integer divisions that have no result.
#include <limits.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "int";
	volatile int zero = 0, one = 1, most = INT_MIN, minus = -1, r = 0;
	volatile long lzero = 0, lone = 1;
	printf("before %s\n", what);
	fflush(stdout);
	if (!strcmp(what, "int")) r = one / zero;
	if (!strcmp(what, "long")) r = lone / lzero;
	if (!strcmp(what, "modulo")) r = one % zero;
	if (!strcmp(what, "overflow")) r = most / minus;
	printf("after %d\n", r);
	return 0;
}
