// brk, mmap of all kinds, mprotect, mremap, madvise, msync, and the errors of each.
#include "common.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

int main(void)
{
	char *p = mmap(0, 10 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW(p == MAP_FAILED);
	SHOW((unsigned long)p % PAGE);
	int sum = 0;
	for (int i = 0; i < 10 * PAGE; i++) sum += p[i];
	printf("fresh memory sums to %d\n", sum);
	memset(p, 7, 10 * PAGE);

	/* A hole in the middle: the kernel says so, its neighbours live. */
	int zero = MUST(open("/dev/zero", O_RDONLY)), null = MUST(open("/dev/null", O_WRONLY));
	int pipefd[2];
	MUST(pipe(pipefd));
	SHOW(munmap(p + 4 * PAGE, 2 * PAGE));
	SHOW(read(zero, p + 4 * PAGE, 10));
	SHOW(write(pipefd[1], p + 5 * PAGE, 10));
	SHOW(read(zero, p + 4 * PAGE - 5, 10));
	printf("%d %d\n", p[4 * PAGE - 1], p[6 * PAGE]);
	char *again = mmap(p + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	SHOW(again == p + 4 * PAGE);
	printf("%d\n", again[0]);
	SHOW(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000 /* MAP_FIXED_NOREPLACE */, -1, 0) == MAP_FAILED);
	printf("%s\n", errno_name(errno));
	SHOW(mprotect(p, PAGE, PROT_READ));
	SHOW(read(zero, p, 10));
	SHOW(write(pipefd[1], p, 10));
	SHOW(mprotect(p, PAGE, PROT_NONE));
	SHOW(write(pipefd[1], p, 10));
	SHOW(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	printf("%d\n", p[1]);
	SHOW(madvise(p, 2 * PAGE, MADV_DONTNEED));
	printf("%d %d\n", p[0], p[2 * PAGE]);
	SHOW(madvise(p + 1, PAGE, MADV_DONTNEED));
	SHOW(munmap(p + 1, PAGE));
	SHOW(munmap(p, 0));
	SHOW(munmap(p, 10 * PAGE));
	SHOW(munmap(p, 10 * PAGE));
	SHOW(mprotect(p, PAGE, PROT_READ));
	SHOW(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	printf("%s\n", errno_name(errno));
	SHOW(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED);
	printf("%s\n", errno_name(errno));

	/* Files: private copies, shared writes, offsets, ends. */
	int fd = MUST(open("mapped", O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < 3 * PAGE; i++) MUST(pwrite(fd, &(char){ 'a' + i / PAGE }, 1, i));
	char *private = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *shared = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *second = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	printf("%c%c%c %c\n", private[0], shared[PAGE], private[2 * PAGE], second[0]);
	private[0] = 'P';
	shared[PAGE] = 'S';
	char c;
	MUST(pread(fd, &c, 1, 0));
	printf("file %c ", c);
	MUST(pread(fd, &c, 1, PAGE));
	printf("%c, second %c, private %c\n", c, second[0], private[PAGE]);
	MUST(pwrite(fd, "W", 1, 2 * PAGE));
	printf("%c\n", shared[2 * PAGE]);
	SHOW(msync(shared, 3 * PAGE, MS_SYNC));
	SHOW(msync(shared + 1, PAGE, MS_SYNC));
	SHOW(munmap(shared, PAGE));
	shared[PAGE + 1] = 'T';
	MUST(pread(fd, &c, 1, PAGE + 1));
	printf("%c\n", c);
	SHOW(mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 100) == MAP_FAILED);
	printf("%s\n", errno_name(errno));
	int readonly = MUST(open("mapped", O_RDONLY));
	SHOW(mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, readonly, 0) == MAP_FAILED);
	printf("%s\n", errno_name(errno));
	close(fd);
	printf("after close %c\n", second[0]);
	munmap(private, 3 * PAGE);
	munmap(second, PAGE);

	/* mremap: growing in place or moving, shrinking. */
	p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(p, "moved");
	strcpy(p + PAGE, "too");
	char *q = mremap(p, 2 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);
	SHOW(q == MAP_FAILED);
	printf("%s %s %d\n", q, q + PAGE, q[999 * PAGE]);
	SHOW(mremap(q, 1000 * PAGE, PAGE, 0) == q);
	SHOW(write(pipefd[1], q + PAGE, 1));
	char *target = mmap(0, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) == target + PAGE);
	printf("%s\n", target + PAGE);
	SHOW(mremap(target + PAGE, PAGE, 2 * PAGE, 0) == MAP_FAILED);
	printf("%s\n", errno_name(errno));
	SHOW(write(null, q, 1) >= 0);

	/* The break. */
	char *base = (char *)syscall(SYS_brk, 0);
	SHOW(base != 0);
	char *end = (char *)syscall(SYS_brk, base + 100 * PAGE);
	SHOW(end - base);
	memset(base, 1, 100 * PAGE);
	SHOW((char *)syscall(SYS_brk, base + 10 * PAGE) - base);
	SHOW((char *)syscall(SYS_brk, base + 100 * PAGE) - base);
	printf("%d %d\n", base[9 * PAGE], base[50 * PAGE]);

	/* Much address space, little memory; and more than there is. */
	p = mmap(0, 512u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	SHOW(p == MAP_FAILED);
	p[0] = 1;
	p[(512u << 20) - 1] = 2;
	SHOW(munmap(p, 512u << 20));
	int maps = 0;
	for (; maps < 2000; maps++) {
		p = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) break;
		p[maps] = 1;
		munmap(p, 64 << 20);
	}
	printf("mapped and unmapped 64 MiB %d times\n", maps);
	SHOW(mlock(target + PAGE, PAGE));
	SHOW(munlock(target + PAGE, PAGE));
	unsigned char present[1] = { 0 };
	SHOW(mincore(target + PAGE, PAGE, present));
	printf("%d\n", present[0] & 1);
	int mem = MUST(memfd_create("name", MFD_CLOEXEC));
	MUST(ftruncate(mem, PAGE));
	p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	strcpy(p, "in memory");
	char text[10] = "";
	SHOW(pread(mem, text, 9, 0));
	printf("%s\n", text);
	return 0;
}
