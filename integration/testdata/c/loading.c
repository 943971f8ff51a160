// A library that is not there cannot be loaded, and the message says which.
// flags: -ldl
#include "common.h"
#include <dlfcn.h>

int main(void)
{
	const char *path = "./no-such-library.so";
	printf("before: %d\n", dlerror() != 0);
	printf("loaded: %d\n", dlopen(path, RTLD_NOW) != 0);
	const char *message = dlerror();
	printf("message: %d, names it: %d\n", message != 0, message && strstr(message, path));
	printf("again: %d\n", dlerror() != 0);
	return 0;
}
