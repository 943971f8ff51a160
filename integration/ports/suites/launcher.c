// Starts a module under walisup in place of a program, with the program's argv[0], which
// tells some what to do. START is the beginning of the command line, as strings.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
	char *start[] = {START, "--argv0", argc ? argv[0] : "", "--", MODULE};
	size_t n = sizeof start / sizeof *start;
	char **full = calloc(n + argc + 1, sizeof *full);
	memcpy(full, start, sizeof start);
	if (argc > 1) memcpy(full + n, argv + 1, (argc - 1) * sizeof *argv);
	execv(full[0], full);
	perror(full[0]);
	return 127;
}
