#include <dlfcn.h>
#include "dynlink.h"

/* Names the library, as a loader does: programs print nothing else. */
static void *no_dlopen(const char *file, int mode)
{
	__dl_seterr("%s: modules cannot load libraries", file ? file : "the program itself");
	return 0;
}

weak_alias(no_dlopen, dlopen);
