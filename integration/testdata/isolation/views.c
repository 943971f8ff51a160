// Looks at itself in /proc as programs do that scan their own memory or read their
// environment and descriptors. Built for wasm only; says what is wrong.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what) ((what) ? 0 : (wrong++, printf("line %d: not %s (errno %d)\n", __LINE__, #what, errno)))

__attribute__((import_module("wali"), import_name("__get_init_envfile"))) int init_envfile(char *path, unsigned size);

static int wrong, variable = 1;

static size_t load(const char *path, char *text, size_t size, size_t piece)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0) return printf("%s: %s\n", path, strerror(errno)), wrong++, 0;
	size_t n = 0;
	for (ssize_t r; n < size - 1 && (r = read(fd, text + n, piece < size - 1 - n ? piece : size - 1 - n)) > 0;) n += r;
	text[n] = 0;
	close(fd);
	return n;
}

// covers reports whether a line of maps has p in it, with these rights and this name.
static int covers(const char *maps, const void *p, const char *rights, const char *name)
{
	for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
		unsigned long from, to, offset, inode;
		char mode[5], file[4096] = "";
		unsigned major, minor;
		int n = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu%4095[^\n]", &from, &to, mode, &offset, &major, &minor, &inode, file);
		if (n < 7) return 0;
		char *trimmed = file + strspn(file, " ");
		if (from <= (uintptr_t)p && (uintptr_t)p < to) return !strncmp(mode, rights, 4) && strstr(trimmed, name);
	}
	return 0;
}

static void maps(const char *path)
{
	static char text[1 << 20], again[1 << 20];
	size_t n = load(path, text, sizeof text, 7);
	int local;
	void *heap = malloc(100);
	static char page[1 << 16];
	void *anonymous = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/exe", O_RDONLY);
	void *file = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	close(fd);
	CHECK(n > 0);
	n = load(path, text, sizeof text, sizeof text);
	CHECK(covers(text, &local, "rw-p", ""));
	CHECK(covers(text, &variable, "rw-p", "views"));
	CHECK(covers(text, page, "rw-p", "views"));
	CHECK(covers(text, heap, "rw-p", ""));
	CHECK(covers(text, anonymous, "r--p", ""));
	CHECK(covers(text, file, "r--s", "views"));
	CHECK(!covers(text, 0, "", ""));
	CHECK(!strstr(text, "vdso") && !strstr(text, "walisup-helper") && !strstr(text, "memfd:"));
	munmap(file, 4096);
	load(path, again, sizeof again, 100);
	CHECK(!covers(again, file, "r--s", ""));
	fd = open(path, O_RDONLY);
	struct stat st;
	CHECK(!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0444);
	CHECK(pread(fd, again, 10, 5) == 10 && lseek(fd, 5, SEEK_SET) == 5);
	CHECK(write(fd, "", 1) < 0 && ftruncate(fd, 0) < 0);
	close(fd);
	CHECK(open(path, O_RDWR) < 0 && errno == EACCES);
	CHECK(open(path, O_RDONLY | O_DIRECTORY) < 0 && errno == ENOTDIR);
}

static void *in_thread(void *unused)
{
	maps("/proc/self/maps");
	maps("/proc/thread-self/maps");
	return 0;
}

static void others(void)
{
	char path[64];
	int pipes[2];
	pipe(pipes);
	pid_t child = fork();
	if (!child) {
		sprintf(path, "/proc/%d/maps", getpid());
		maps(path);
		close(pipes[1]);
		read(pipes[0], path, 1);
		_exit(wrong);
	}
	static const char *const names[] = {"maps", "smaps", "smaps_rollup", "numa_maps", "auxv", "mem", "pagemap", "syscall", "stack", "map_files", "clear_refs"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		sprintf(path, "/proc/%d/%s", child, names[i]);
		CHECK(open(path, O_RDONLY) < 0 && errno == EACCES);
	}
	sprintf(path, "/proc/%d/exe", child);
	CHECK(open(path, O_RDONLY) < 0 && errno == EACCES);
	sprintf(path, "/proc/%d/status", child);
	CHECK(close(open(path, O_RDONLY)) == 0);
	close(pipes[1]);
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void vector(void)
{
	uint32_t pairs[64] = {0};
	size_t n = load("/proc/self/auxv", (char *)pairs, sizeof pairs, 8);
	CHECK(n >= 8 && n % 8 == 0);
	for (size_t i = 0; i < n / 4; i += 2) {
		CHECK(pairs[i] == AT_NULL ? i == n / 4 - 2 : getauxval(pairs[i]) == pairs[i + 1]);
	}
}

static void environment(void)
{
	char path[256], text[4096], want[300];
	struct stat st;
	CHECK(init_envfile(path, sizeof path) == 1);
	CHECK(!access(path, F_OK) && !access(path, R_OK) && access(path, W_OK) && errno == EACCES);
	CHECK(!faccessat(AT_FDCWD, path, R_OK, AT_EACCESS));
	CHECK(!stat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0);
	CHECK(!lstat(path, &st) && S_ISREG(st.st_mode));
	CHECK(load(path, text, sizeof text, 4096) == (size_t)st.st_size);
	FILE *f = fopen(path, "r");
	CHECK(f && fgets(want, sizeof want, f) && strchr(want, '='));
	if (f) fclose(f);
	snprintf(want, sizeof want, "MARK=%s\n", getenv("MARK"));
	CHECK(strstr(text, want));
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	CHECK(!unlink(path));
}

int main(int argc, char **argv)
{
	if (argc > 1) { // descriptors that it was started with
		for (int i = 1; i < argc; i++) {
			int fd = atoi(argv[i]);
			CHECK(pread(fd, argv, 8, 0x400000) <= 0);
			if (fd > 2) CHECK(fcntl(fd, F_GETFD) < 0);
		}
		return wrong;
	}
	maps("/proc/self/maps");
	char path[64];
	sprintf(path, "/proc/%d/maps", getpid());
	maps(path);
	sprintf(path, "/proc/%d/task/%d/maps", getpid(), getpid());
	maps(path);
	vector();
	environment();
	others();
	pthread_t t;
	pthread_create(&t, 0, in_thread, 0);
	pthread_join(t, 0);
	static char text[1 << 16];
	CHECK(load("/proc/self/smaps", text, sizeof text, 1000) && strstr(text, "\nRss:  ") && strstr(text, "VmFlags: rd wr"));
	CHECK(load("/proc/self/smaps_rollup", text, sizeof text, 1000) && strstr(text, "[rollup]"));
	return wrong;
}
