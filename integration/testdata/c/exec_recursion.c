// needs: exec
// Scripts whose interpreters are scripts: as deep as the kernel follows them, and for ever.
#include "common.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void script(const char *name, const char *interpreter)
{
	FILE *f = fopen(name, "w");
	fprintf(f, "#!%s\n", interpreter);
	fclose(f);
	chmod(name, 0755);
}

static void try(const char *name)
{
	execl(name, name, "argument", (char *)0);
	printf("%s: %s\n", name, errno_name(errno));
}

int main(int argc, char **argv)
{
	char name[8], next[8], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n] = 0;
	if (argc > 2) { // at the end of a chain
		printf("%d arguments:", argc);
		for (int i = 1; i < argc; i++) printf(" %s", argv[i]);
		puts("");
		return 0;
	}
	setvbuf(stdout, 0, _IONBF, 0);
	script("self", "./self");
	script("ping", "./pong");
	script("pong", "./ping");
	script("bad", "./nothing");
	script("folder", ".");
	script("0", self);
	for (int i = 1; i <= 7; i++) {
		sprintf(name, "./%d", i - 1);
		sprintf(next, "%d", i);
		script(next, name);
	}
	try("./self");
	try("./ping");
	try("./bad");
	try("./folder");
	for (int i = 7; i >= 0; i--) {
		sprintf(name, "./%d", i);
		if (i >= 5) try(name);
		else {
			fflush(stdout);
			if (fork() == 0) {
				try(name);
				_exit(1);
			}
			int status;
			wait(&status);
			printf("%s: status %d\n", name, status);
		}
	}
	for (int i = 0; i <= 7; i++) {
		sprintf(name, "%d", i);
		unlink(name); // its text depends on where this program is
	}
	return 0;
}
