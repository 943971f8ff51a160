// Tries to get at the process's own memory, as the kernel shows it in files, from
// threads or from processes that share the descriptor table:
//
//   doors SPELLING threads|processes SECONDS
//
// Half of the eight openers and users open the file as the spelling says; the others
// read and write whatever descriptor there is. It exits with 1 when one of them got
// at something, and says how; otherwise it prints how often it tried.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HALF = 4, LOW = 24, HELD = 60, PARENT = 61 };

// Where a walisup-helper's executable and the guest's memory lie in its address space.
static const off_t helper = 0x400000, memory = 0x10000000;

static struct shared {
	atomic_int stop, found;
	atomic_long opens, opened, tries;
	volatile uint64_t word; // written through a descriptor if that is possible
	char how[256];
} *shared;

static char dir[] = "/tmp/doors-XXXXXX", path[512];
static const char *spelling;
static int dirfd_ = AT_FDCWD, other;

static int is(const char *s) { return !strcmp(spelling, s); }

static void found(const char *what, int fd, const void *bytes)
{
	if (atomic_exchange(&shared->found, 1)) return;
	char target[200] = "", link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, target, sizeof target - 1);
	snprintf(shared->how, sizeof shared->how, "%s by descriptor %d, now %.*s: %.40s", what, fd, (int)(n < 0 ? 0 : n), target, (const char *)bytes);
	shared->stop = 1;
}

static void use(void)
{
	char b[65536];
	while (!shared->stop) {
		for (int fd = 3; fd < LOW; fd++) {
			memset(b, 0, 64);
			if (pread(fd, b, 16, helper) == 16 && !memcmp(b, "\177ELF", 4)) found("read at the helper's address", fd, b);
			uint64_t word = shared->word, next = word + 1;
			if (pwrite(fd, &next, sizeof next, memory + (uintptr_t)&shared->word) > 0 && shared->word != word)
				found("wrote to memory", fd, "");
			int n = pread(fd, b, sizeof b - 1, 0);
			if (n > 0) {
				b[n] = 0;
				if (strstr(b, "[vdso]") || strstr(b, "walisup-helper")) found("read native maps", fd, b);
			}
			if (is("pagemap") && pread(fd, b, 8, helper / 4096 * 8) == 8) found("read the page map", fd, "");
			if (is("map_files") && syscall(SYS_getdents64, fd, b, sizeof b) > 0) found("listed mapped files", fd, "");
			shared->tries++;
		}
	}
}

// Keeps what others have for a moment, and puts it where others look.
static void juggle(void)
{
	while (!shared->stop)
		for (int fd = 3; fd < LOW; fd++) {
			struct stat st;
			if (fstat(fd, &st)) continue;
			if (S_ISREG(st.st_mode)) dup2(fd, HELD);
			else if (S_ISDIR(st.st_mode)) dup2(fd, PARENT);
			for (int to = 3; to < 12; to++)
				if (fcntl(to, F_GETFD) >= 0) dup2(HELD, to);
		}
}

static const struct { const char *name, *path; } files[] = {
	{"self", "/proc/self/mem"}, {"thread-self", "/proc/thread-self/mem"}, {"dots", "/proc/self/task/../mem"},
	{"slashes", "//proc//self///mem"}, {"root", "/proc/self/root/proc/self/mem"}, {"map_files", "/proc/self/map_files"},
	{"pagemap", "/proc/self/pagemap"}, {"maps", "/proc/self/maps"}, {"smaps", "/proc/thread-self/smaps"},
};

static void prepare(void)
{
	if (!mkdtemp(dir)) exit(2);
	char name[256];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (is(files[i].name)) strcpy(path, files[i].path);
	if (is("pid")) sprintf(path, "/proc/%d/mem", getpid());
	if (is("task")) sprintf(path, "/proc/%d/task/%d/mem", getpid(), getpid());
	if (is("child") || is("child-maps")) {
		if (!(other = fork())) { pause(); _exit(0); }
		sprintf(path, "/proc/%d/%s", other, is("child") ? "mem" : "maps");
	}
	if (is("link")) {
		sprintf(path, "%s/link", dir);
		symlink("/proc/self/mem", path);
	}
	if (is("links")) {
		sprintf(name, "%s/first", dir);
		symlink("/proc/self", name);
		sprintf(path, "%s/second", dir);
		symlink("first/mem", path);
	}
	if (is("swapped-link") || is("swapped-folder") || is("swapped-dirfd")) {
		sprintf(name, "%s/harmless", dir);
		mkdir(name, 0755);
		strcat(name, "/mem");
		close(open(name, O_CREAT | O_WRONLY, 0644));
		sprintf(path, "%s/now%s", dir, is("swapped-folder") ? "/mem" : "");
	}
	if (is("dirfd") || is("dirfd-path") || is("openat2") || is("swapped-dirfd")) {
		dirfd_ = open("/proc/self", (is("dirfd-path") ? O_PATH : O_RDONLY) | O_DIRECTORY);
		dirfd_ = fcntl(dirfd_, F_DUPFD, 40);
		strcpy(path, "mem");
	}
	if (is("held")) strcpy(path, "/proc/self/mem");
	if (!*path && !is("held")) { fprintf(stderr, "no spelling %s\n", spelling); exit(2); }
}

// Swaps what the path leads to.
static void swap(void)
{
	char now[256], next[256], harmless[256], file[300];
	sprintf(now, "%s/now", dir);
	sprintf(next, "%s/next", dir);
	sprintf(harmless, "%s/harmless", dir);
	sprintf(file, "%s/mem", harmless);
	int folder = is("swapped-folder");
	int good = open(harmless, O_RDONLY | O_DIRECTORY), bad = open("/proc/self", O_RDONLY | O_DIRECTORY);
	good = fcntl(good, F_DUPFD, 45);
	bad = fcntl(bad, F_DUPFD, 45);
	for (int i = 0; !shared->stop; i++) {
		if (is("swapped-dirfd")) {
			dup2(i & 1 ? good : bad, dirfd_);
			continue;
		}
		if (i & 1) symlink(folder ? harmless : file, next);
		else symlink(folder ? "/proc/self" : "/proc/self/mem", next);
		rename(next, now);
	}
}

static int try(int i)
{
	static const int flags[] = {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_CREAT, O_RDONLY | O_NONBLOCK, O_PATH, O_RDWR | O_CLOEXEC | O_NOCTTY};
	int how = flags[i % 7];
	if (is("held") && i & 1) {
		char held[64];
		sprintf(held, i & 2 ? "/proc/self/fd/%d" : "/dev/fd/%d", HELD);
		return open(held, how, 0600);
	}
	if (is("held") && i % 4 == 2) return openat(PARENT, "mem", how, 0600);
	if (is("openat2")) {
		uint64_t open_how[3] = {how, how & O_CREAT ? 0600 : 0, (uint64_t[]){0, 0x08, 0x02, 0x10, 0x04, 0x01}[i % 6]};
		return syscall(SYS_openat2, dirfd_, path, open_how, sizeof open_how);
	}
	return openat(dirfd_, path, how, 0600);
}

static void opener(void)
{
	for (int i = 0; !shared->stop; i++) {
		int fd = try(i);
		shared->opens++;
		if (fd >= 0) {
			shared->opened++;
			close(fd);
		}
	}
}

static void *work(void *n)
{
	int i = (int)(intptr_t)n;
	int swaps = is("swapped-link") || is("swapped-folder") || is("swapped-dirfd");
	if (swaps && i == 0) swap();
	else if (is("held") && i == HALF) juggle();
	else if (i < HALF) opener();
	else use();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) return 2;
	spelling = argv[1];
	double seconds = atof(argv[3]);
	shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prepare();
	int threads = !strcmp(argv[2], "threads");
	pthread_t thread[2 * HALF];
	pid_t child[2 * HALF];
	for (int i = 0; i < 2 * HALF; i++) {
		if (threads) {
			if (pthread_create(&thread[i], 0, work, (void *)(intptr_t)i)) return 2;
			continue;
		}
		child[i] = syscall(SYS_clone, (unsigned long)(CLONE_FILES | SIGCHLD), 0L, 0L, 0L, 0L);
		if (child[i] < 0) return perror("clone"), 2;
		if (child[i] == 0) {
			work((void *)(intptr_t)i);
			_exit(0);
		}
	}
	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		nanosleep(&(struct timespec){0, 5000000}, 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!shared->stop && now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
	shared->stop = 1;
	for (int i = 0; i < 2 * HALF; i++)
		if (threads) pthread_join(thread[i], 0);
		else waitpid(child[i], 0, 0);
	if (other) {
		kill(other, SIGKILL);
		waitpid(other, 0, 0);
	}
	char command[64];
	for (const char *const *name = (const char *const[]){"link", "first", "second", "now", "next", "harmless/mem", "harmless", 0}; *name; name++) {
		snprintf(command, sizeof command, "%s/%s", dir, *name);
		remove(command);
	}
	rmdir(dir);
	if (shared->found) {
		printf("%s: %s, after %ld opens\n", spelling, shared->how, (long)shared->opens);
		return 1;
	}
	printf("%s: nothing in %ld opens, of which %ld were allowed, and %ld tries\n", spelling, (long)shared->opens, (long)shared->opened, (long)shared->tries);
	return 0;
}
