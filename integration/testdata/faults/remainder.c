/* Remainders that C leaves undefined: of the lowest number and -1. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int lowest = INT_MIN, minus = -1;
static volatile long long llowest = LLONG_MIN, lminus = -1;

static void handler(int s)
{
	(void)!write(1, "signal\n", 7);
	_exit(s);
}

int main(int c, char **v)
{
	signal(SIGFPE, handler);
	if (c > 1 && !strcmp(v[1], "int"))
		printf("%d\n", lowest % minus);
	else
		printf("%lld\n", llowest % lminus);
	return 0;
}
