/* Needs tail calls: two functions call each other deeper than any stack. */
#include <stdio.h>

static volatile int calls;

int odd(int left);

__attribute__((noinline)) int even(int left)
{
	calls++;
	if (left == 0)
		return calls;
	__attribute__((musttail)) return odd(left - 1);
}

__attribute__((noinline)) int odd(int left)
{
	calls++;
	if (left == 0)
		return -calls;
	__attribute__((musttail)) return even(left - 1);
}

int main(int argc, char **argv)
{
	printf("%d\n", even(1000000 * argc));
	return 0;
}
