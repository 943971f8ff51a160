// flags: -pthread
// needs: signals fork threads
// args: 8 150
// So many threads do so many things each, in an order of their own: begin and end
// threads, fork, signal each other, map and unmap memory, wait for each other. With
// larger numbers it goes on for as long as one likes.
#include "common.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most = 64 };

static int count, steps;
static pthread_t thread[most];
static atomic_int running, begun, ended, handled, raised, children, bad;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long guarded;
static _Thread_local unsigned seed;
static _Thread_local sigjmp_buf back;
static pthread_key_t key;

static unsigned dice(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void check(int ok, int line)
{
	if (!ok && bad++ < 10) fprintf(stderr, "line %d: %s\n", line, errno_name(errno));
}
#define CHECK(x) check(x, __LINE__)

static void on_usr1(int sig) { handled++; }
static void on_usr2(int sig) { raised++; siglongjmp(back, 1); }
static void on_segv(int sig, siginfo_t *info, void *context)
{
	CHECK(mprotect((void *)((uintptr_t)info->si_addr & -4096), 1, PROT_READ | PROT_WRITE) == 0);
}

static void *shortly(void *arg)
{
	ended++;
	pthread_setspecific(key, arg);
	if ((intptr_t)arg & 1) pthread_exit(arg);
	return arg;
}
static void destroyed(void *value) {}

static void threads(void)
{
	pthread_t t;
	void *result;
	void *arg = (void *)(intptr_t)(dice(1000) + 1);
	CHECK(pthread_create(&t, 0, shortly, arg) == 0);
	begun++;
	if (dice(4) == 0) CHECK(pthread_detach(t) == 0);
	else CHECK(pthread_join(t, &result) == 0 && result == arg);
}

// Threads of the child are thread_fork.c's business: glibc may abort there.
static void child(void)
{
	int code = dice(100) + 1, status;
	pid_t pid = fork();
	if (pid == 0) {
		if (code % 4 == 1) kill(getpid(), SIGKILL);
		_exit(code);
	}
	CHECK(pid > 0);
	while (waitpid(pid, &status, 0) == -1) if (errno != EINTR) { CHECK(0); return; }
	CHECK(code % 4 == 1 ? status == SIGKILL : status == code << 8);
	children++;
}

static void signals(void)
{
	int r = pthread_kill(thread[dice(count)], SIGUSR1);
	CHECK(r == 0);
}

static void jump(void)
{
	if (sigsetjmp(back, 1) == 0) {
		raise(SIGUSR2);
		CHECK(0);
	}
}

static void memory(void)
{
	size_t size = (1 + dice(40)) * 4096;
	unsigned char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 0x5a, size);
	CHECK(p[size - 1] == 0x5a);
	if (dice(2)) {
		CHECK(mprotect(p, 4096, PROT_READ) == 0);
		p[5] = 1; // repaired by the handler
		CHECK(p[5] == 1);
	}
	if (dice(2)) {
		void *q = mremap(p, size, size + 8192, MREMAP_MAYMOVE);
		CHECK(q != MAP_FAILED);
		p = q;
		size += 8192;
	}
	CHECK(munmap(p, size) == 0);
}

static void lock(void)
{
	pthread_mutex_lock(&mutex);
	guarded++;
	pthread_cond_broadcast(&changed);
	if (dice(3) == 0) {
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 200000;
		if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
		pthread_cond_timedwait(&changed, &mutex, &t);
	}
	pthread_mutex_unlock(&mutex);
}

static void allocate(void)
{
	void *p[20];
	for (int i = 0; i < 20; i++) p[i] = malloc(1 + dice(20000));
	for (int i = 0; i < 20; i++) *(char *)p[i] = 1, free(p[i]);
}

static void pipes(void)
{
	int p[2];
	char c = 0;
	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "x", 1) == 1);
	CHECK(read(p[0], &c, 1) == 1 && c == 'x');
	close(p[0]);
	close(p[1]);
}

static void rests(void)
{
	if (dice(2)) sched_yield();
	else nanosleep(&(struct timespec){ 0, dice(300000) }, 0);
}

static void computes(void) { for (volatile unsigned i = dice(200000); i; i--) {} }

static void *work(void *arg)
{
	static void (*const things[])(void) = {
		threads, signals, signals, jump, memory, memory, lock, lock, allocate, pipes, rests, computes,
	};
	seed = (unsigned)(intptr_t)arg + 1;
	void *stack = malloc(65536);
	stack_t alternate = { .ss_sp = stack, .ss_size = 65536 };
	CHECK(sigaltstack(&alternate, 0) == 0);
	running++;
	while (running < count) sched_yield();
	for (int i = 0; i < steps; i++) {
		if (i % 16 == 0) child();
		things[dice(sizeof things / sizeof *things)]();
	}
	alternate.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&alternate, 0) == 0);
	free(stack);
	running--;
	while (running > 0) nanosleep(&(struct timespec){ 0, 1000000 }, 0); // the others may still signal it
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) return 2;
	count = atoi(argv[1]);
	steps = atoi(argv[2]);
	if (count < 1 || count > most) return 2;
	pthread_key_create(&key, destroyed);
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_usr1, .sa_flags = SA_RESTART }, 0);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_usr2, .sa_flags = SA_ONSTACK }, 0);
	sigaction(SIGSEGV, &(struct sigaction){ .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }, 0);
	for (int i = 0; i < count; i++) MUST(-pthread_create(thread + i, 0, work, (void *)(intptr_t)i));
	for (int i = 0; i < count; i++) MUST(-pthread_join(thread[i], 0));
	for (int i = 0; ended < begun && i < 5000; i++) nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	printf("threads ended: %d\n", ended == begun);
	printf("children: %d\n", children);
	printf("guarded: %ld\n", guarded);
	printf("raised: %d\n", raised);
	SHOW(bad);
	return 0;
}
