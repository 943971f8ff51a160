/* What crt1.c and layer1.c share: the environment and the auxiliary vector of the process. */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include "syscall.h"

int __wali_envfile(char *, int) __WALI_IMPORT("__get_init_envfile");

/* Private options of prctl, see README.md. Engines without them say EINVAL. */
#define PR_WALI_ENVIRON 0x57410001
#define PR_WALI_AUXV    0x57410002

#define AUXV_MAX 32

static void die(void)
{
	for (;;) __syscall(SYS_exit_group, 127);
}

/* Memory for the vectors and strings: the block below while it lasts, so that a usual
 * program needs no system call here. */
static char block[4096] __attribute__((__aligned__(16)));
static size_t block_used;

static void *take(size_t n)
{
	n = (n + 15) & -16;
	if (n <= sizeof block - block_used) {
		void *p = block + block_used;
		block_used += n;
		return p;
	}
	long r = __syscall(SYS_mmap, 0, n, PROT_READ|PROT_WRITE,
		MAP_PRIVATE|MAP_ANONYMOUS, -1, 0L);
	if (r < 0 && r > -4096) die();
	return (void *)(uintptr_t)r;
}

/* The environment from the file that other engines offer: NAME=VALUE lines, which become
 * NUL-terminated strings. Returns their length in bytes. */
static size_t read_envfile(char **strings)
{
	char path[4096];
	size_t size = 0, used = 0;
	char *buf = 0;

	*strings = 0;
	if (__wali_envfile(path, sizeof path) != 1) return 0;
	int fd = __syscall(SYS_open, path, O_RDONLY|O_CLOEXEC);
	if (fd < 0) return 0;
	for (;;) {
		if (used + 1 >= size) {
			size_t larger = size ? 2*size : 65536;
			long r = __syscall(SYS_mmap, 0, larger, PROT_READ|PROT_WRITE,
				MAP_PRIVATE|MAP_ANONYMOUS, -1, 0L);
			if (r < 0 && r > -4096) die();
			char *p = (void *)(uintptr_t)r;
			for (size_t i = 0; i < used; i++) p[i] = buf[i];
			if (buf) __syscall(SYS_munmap, buf, size);
			buf = p;
			size = larger;
		}
		long n = __syscall(SYS_read, fd, buf + used, size - used - 1);
		if (n == -EINTR) continue;
		if (n <= 0) break;
		used += n;
	}
	__syscall(SYS_close, fd);
	if (used && buf[used-1] != '\n') buf[used++] = '\n';
	for (size_t i = 0; i < used; i++) if (buf[i] == '\n') buf[i] = 0;
	*strings = buf;
	return used;
}

static size_t read_environ(char **strings)
{
	long n = __syscall(SYS_prctl, PR_WALI_ENVIRON, 0, 0, 0, 0);
	if (n < 0) return read_envfile(strings);
	*strings = take(n);
	if (__syscall(SYS_prctl, PR_WALI_ENVIRON, *strings, n, 0, 0) != n) return 0;
	return n;
}

/* Fills in pairs of keys and values without the final AT_NULL, returns how many. */
static size_t read_auxv(size_t *aux)
{
	uint64_t pairs[2*AUXV_MAX];
	size_t n = 0;
	long r = __syscall(SYS_prctl, PR_WALI_AUXV, pairs, sizeof pairs, 0, 0);
	if (r >= 0 && r <= sizeof pairs) {
		for (size_t i = 0; i+1 < r/8 && pairs[i] != AT_NULL; i += 2, n++) {
			aux[2*n] = pairs[i];
			aux[2*n+1] = pairs[i+1];
		}
		return n;
	}
	size_t known[] = {
		AT_PAGESZ, 4096,
		AT_UID, __syscall(SYS_getuid),
		AT_EUID, __syscall(SYS_geteuid),
		AT_GID, __syscall(SYS_getgid),
		AT_EGID, __syscall(SYS_getegid),
		AT_CLKTCK, 100,
	};
	for (size_t i = 0; i < sizeof known/sizeof *known; i++) aux[i] = known[i];
	return sizeof known/sizeof *known/2;
}
