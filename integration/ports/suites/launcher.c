// Starts a module under walisup in place of a program, with the program's argv[0], which
// tells some what to do. START is the beginning of the command line, as strings. With INSTANCE
// the module becomes a part of that instance, where what it leaves behind lives on, and is
// given the environment and the directory that walisup exec would take from the instance.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
	char *start[] = {START, "--argv0", argc ? argv[0] : ""};
	size_t n = sizeof start / sizeof *start, variables = 0;
	while (environ[variables]) variables++;
	char **full = calloc(n + 2 * variables + 4 + argc + 1, sizeof *full);
	memcpy(full, start, sizeof start);
#ifdef INSTANCE
	full[n++] = "--workdir";
	if (!(full[n++] = getcwd(NULL, 0))) return perror("getcwd"), 126;
	for (size_t i = 0; i < variables; i++) {
		full[n++] = "--env";
		full[n++] = environ[i];
	}
	full[n++] = INSTANCE;
#else
	full[n++] = "--";
#endif
	full[n++] = MODULE;
	if (argc > 1) memcpy(full + n, argv + 1, (argc - 1) * sizeof *argv);
	execv(full[0], full);
	perror(full[0]);
	return 127;
}
