// flags: -pthread
// needs: fork signals
/* What a handler is told of each kind of fault: code and address. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static _Thread_local sigjmp_buf out;
static _Thread_local volatile int signal_, code;
static _Thread_local char *volatile address;

static void handler(int s, siginfo_t *i, void *u)
{
	signal_ = s;
	code = i->si_code;
	address = i->si_addr;
	siglongjmp(out, 1);
}

static void tell(const char *what, char *expected)
{
	printf("%s: signal %d code %d", what, signal_, code);
	if (expected != (char *)-1)
		printf(" at %d", (int)(address - expected));
	printf("\n");
	signal_ = code = 0;
}

#define TRY(what, expected, access) do { \
	if (!sigsetjmp(out, 1)) { access; printf("%s: nothing happened\n", what); } \
	else tell(what, expected); } while (0)

static volatile char sink;
#define READ(p) (sink = *(volatile char *)(p))
#define WRITE(p) (*(volatile char *)(p) = 1)

static char *map(size_t size, int prot) { return mmap(0, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static const char constant[] = "text";
static volatile int zero, one = 1, minus = -1, lowest = INT_MIN;
static volatile long long lzero, lminus = -1, llowest = LLONG_MIN;
static volatile unsigned uzero;

static void memory(void)
{
	char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
	munmap(p + PAGE, PAGE);
	mprotect(p, PAGE, PROT_READ);
	mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
	TRY("unmapped, written", p + PAGE + 3, WRITE(p + PAGE + 3));
	TRY("unmapped, read", p + PAGE + 7, READ(p + PAGE + 7));
	TRY("read-only, written", p + 1, WRITE(p + 1));
	TRY("without access, read", p + 2 * PAGE, READ(p + 2 * PAGE));
	TRY("without access, written", p + 2 * PAGE, WRITE(p + 2 * PAGE));
	TRY("null, written", (char *)0, WRITE((char *)(uintptr_t)zero));
	TRY("null, read", (char *)0, READ((char *)(uintptr_t)zero));
	TRY("near null", (char *)16, WRITE((char *)(uintptr_t)zero + 16));
	/* A range that begins in mapped memory faults where that ends. */
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	TRY("behind a mapping", p + PAGE, for (char *q = p + PAGE - 3;; q++) WRITE(q));
	mprotect(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	munmap(p + 2 * PAGE, 2 * PAGE);
	TRY("unmapped after it was protected", p + 2 * PAGE, READ(p + 2 * PAGE));

	/* Mapped again, with less. */
	mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	TRY("mapped again", p + PAGE + 5, WRITE(p + PAGE + 5));
	char *moved = mremap(p, PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	if (moved != p)
		TRY("moved away", p, READ(p));

	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	char *shared = shmat(id, 0, SHM_RDONLY);
	TRY("shared read-only", shared, WRITE(shared));
	shmdt(shared);
	TRY("shared, detached", shared, READ(shared));
	shmctl(id, IPC_RMID, 0);
}

static void files(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (write(fd, "0123456789", 10) != 10) exit(1);
	char *p = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *q = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	READ(p + PAGE - 1);
	TRY("shared file, behind its end", p + PAGE + 9, READ(p + PAGE + 9));
	TRY("shared file, written behind its end", p + 2 * PAGE, WRITE(p + 2 * PAGE));
	TRY("private file, behind its end", q + PAGE, READ(q + PAGE));
	TRY("private file, read-only", q + 2, WRITE(q + 2));
	if (ftruncate(fd, 0)) exit(1);
	TRY("cut file", p, READ(p));
}

static void arithmetic(void)
{
	TRY("division by zero", (char *)-1, printf("%d\n", one / zero));
	TRY("remainder by zero", (char *)-1, printf("%d\n", one % zero));
	TRY("unsigned division by zero", (char *)-1, printf("%u\n", 5 / uzero));
	TRY("long division by zero", (char *)-1, printf("%lld\n", llowest / lzero));
	TRY("long remainder by zero", (char *)-1, printf("%lld\n", llowest % lzero));
	TRY("overflow", (char *)-1, printf("%d\n", lowest / minus));
	TRY("long overflow", (char *)-1, printf("%lld\n", llowest / lminus));
	TRY("trap", (char *)-1, __builtin_trap());
}

static void sent(void)
{
	TRY("sent", (char *)-1, raise(SIGSEGV));
	TRY("sent", (char *)-1, kill(getpid(), SIGBUS));
	TRY("queued", (char *)-1, sigqueue(getpid(), SIGFPE, (union sigval){ 0 }));
}

static void *thread(void *unused)
{
	memory();
	files();
	return 0;
}

int main(void)
{
	setvbuf(stdout, 0, _IONBF, 0);
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &a, 0);
	sigaction(SIGBUS, &a, 0);
	sigaction(SIGFPE, &a, 0);
	sigaction(SIGILL, &a, 0);
	memory();
	files();
	arithmetic();
	sent();
	pthread_t t;
	pthread_create(&t, 0, thread, 0);
	pthread_join(t, 0);
	if (!fork()) {
		memory();
		_exit(0);
	}
	wait(0);
	return 0;
}
