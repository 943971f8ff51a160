// args:
// args: one "two words" "" --flag=value -x
// args: exit 0
// args: exit 3
// args: exit 255
// args: exit 256
// args: exit -1
// env: GREETING=hello world
// env: EMPTY=
// env: EQUALS=a=b=c
// Arguments, environment and exit status.
#include "common.h"
#include <unistd.h>

extern char **environ;

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit")) return atoi(argv[2]);

	printf("argc %d, end %s\n", argc, argv[argc] ? "set" : "null");
	for (int i = 1; i < argc; i++) printf("argv[%d] = [%s]\n", i, argv[i]);

	const char *names[] = { "GREETING", "EMPTY", "EQUALS", "MISSING" };
	for (int i = 0; i < 4; i++) {
		char *v = getenv(names[i]);
		printf("%s %s%s%s\n", names[i], v ? "[" : "", v ? v : "unset", v ? "]" : "");
	}
	size_t n = 0;
	while (environ[n]) n++;
	qsort(environ, n, sizeof *environ, by_text);
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "PATH=", 5)) printf("environ: %s\n", environ[i]);

	SHOW(setenv("ADDED", "1", 0));
	SHOW(setenv("ADDED", "2", 0));
	printf("ADDED=%s\n", getenv("ADDED"));
	SHOW(setenv("ADDED", "3", 1));
	printf("ADDED=%s\n", getenv("ADDED"));
	SHOW(unsetenv("GREETING"));
	printf("GREETING %s\n", getenv("GREETING") ? "set" : "unset");
	static char put[] = "PUT=there";
	SHOW(putenv(put));
	put[4] = 'T';
	printf("PUT=%s\n", getenv("PUT"));
	SHOW(setenv("BAD=NAME", "x", 1));
	SHOW(setenv("", "x", 1));
	SHOW(clearenv());
	printf("PUT %s\n", getenv("PUT") ? "set" : "unset");
	return 0;
}
