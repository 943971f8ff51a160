#include <stdio.h>
#include <unistd.h>

/* Prints the process id. */
int main(void)
{
	printf("%d", (int)getpid());
}
