// Calls on memory at address 0, where nothing is mapped. So small a stack makes walicc's
// module use page 0.
// flags: -Wl,-z,stack-size=32768
#include "common.h"
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static void everything(size_t size)
{
	// Volatile, so that the compiler does not know what it is.
	void *volatile null = 0;
	unsigned char present[4];
	printf("%d pages\n", (int)(size / PAGE));
	SHOW(mprotect(null, size, PROT_READ));
	SHOW(mprotect(null, size, PROT_NONE));
	SHOW(mprotect(null, size, 0x40));
	SHOW(msync(null, size, MS_ASYNC));
	SHOW(msync(null, size, MS_SYNC | MS_INVALIDATE));
	SHOW(madvise(null, size, MADV_DONTNEED));
	SHOW(madvise(null, size, MADV_DONTFORK));
	SHOW(madvise(null, size, MADV_DOFORK));
	SHOW(madvise(null, size, MADV_WILLNEED));
	SHOW(madvise(null, size, 7));
	SHOW(mincore(null, size, present));
	SHOW(mlock(null, size));
	SHOW(munlock(null, size));
	SHOW(mremap(null, size, size, 0) == MAP_FAILED ? -1 : 0);
	SHOW(mremap(null, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	SHOW(munmap(null, PAGE));
}

int main(void)
{
	int local = 5;
	everything(PAGE);
	everything(0);
	SHOW(local);
	return 0;
}
