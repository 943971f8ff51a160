// threads WRITE OUTSIDE PID: what a sandbox refuses, it refuses in every thread, however the
// thread or its process came to be. WRITE is a directory that may be written, OUTSIDE one
// that may not be read, PID a process outside.
// flags: -pthread
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { threads = 8 };

static char **arguments;
static char inside[256], outside[256];
static pid_t stranger;
static int checks;

static void fail(const char *what, long result)
{
	dprintf(1, "%s: %ld, %s\n", what, result, strerror(errno));
	_exit(1);
}

// Each is to fail with the error. A thread that says otherwise ends the process.
#define REFUSED(error, call) do { \
	long r = (call); \
	if (r != -1 || errno != (error)) fail(#call, r); \
} while (0)

static void *check(void *unused)
{
	(void)unused;
	char own[sizeof inside + 32];
	snprintf(own, sizeof own, "%s/own.%d.%d", inside, getpid(), gettid());
	int fd = open(own, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) || chmod(own, 0640)) fail(own, fd);
	REFUSED(EACCES, open(outside, O_RDONLY));
	REFUSED(EACCES, open(outside, O_WRONLY));
	REFUSED(EPERM, chmod(outside, 0777));
	REFUSED(EPERM, chown(outside, getuid(), getgid()));
	REFUSED(EPERM, utimensat(AT_FDCWD, outside, 0, 0));
	REFUSED(EACCES, unlink(outside));
	REFUSED(EACCES, truncate(outside, 0));
	REFUSED(EPERM, kill(stranger, 0));
	REFUSED(EPERM, kill(stranger, SIGCONT));
	REFUSED(EACCES, socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(EACCES, socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(EPERM, mount("none", inside, "tmpfs", 0, 0));
	REFUSED(EACCES, execv("/bin/true", arguments));
	if (unlink(own)) fail("unlink", -1);
	__atomic_fetch_add(&checks, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void *check_and_create(void *unused)
{
	pthread_t next;
	check(unused);
	if ((errno = pthread_create(&next, 0, check, 0)) || (errno = pthread_join(next, 0))) fail("thread of a thread", -1);
	return 0;
}

static void in_threads(int count, void *(*body)(void *))
{
	pthread_t t[threads];
	for (int i = 0; i < count; i++)
		if ((errno = pthread_create(&t[i], 0, body, 0))) fail("pthread_create", i);
	for (int i = 0; i < count; i++) pthread_join(t[i], 0);
}

static void await(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) != child || status) fail("child", status);
}

// The child of one of several threads, which makes threads of its own.
static void *fork_thread(void *unused)
{
	pid_t child = fork();
	if (child < 0) fail("fork", child);
	if (!child) {
		check(unused);
		in_threads(threads, check);
		_exit(0);
	}
	check(unused);
	await(child);
	return 0;
}

// The same, and the child of a thread executes the program from a thread.
static void *execute(void *unused)
{
	(void)unused;
	char *args[] = { arguments[0], arguments[1], arguments[2], arguments[3], "executed", 0 };
	execv("/proc/self/exe", args);
	fail("execv", -1);
	return 0;
}

static void *exec_thread(void *unused)
{
	pid_t child = fork();
	if (child < 0) fail("fork", child);
	if (!child) {
		pthread_t t[threads];
		for (int i = 0; i < threads - 1; i++)
			if ((errno = pthread_create(&t[i], 0, check, 0))) fail("pthread_create", i);
		if ((errno = pthread_create(&t[threads - 1], 0, execute, 0))) fail("pthread_create", -1);
		for (;;) pause();
	}
	check(unused);
	await(child);
	return 0;
}

static pthread_barrier_t ready, done;

static void *stay(void *unused)
{
	check(unused);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&done);
	check(unused);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 4) return 2;
	arguments = argv;
	snprintf(inside, sizeof inside, "%s", argv[1]);
	snprintf(outside, sizeof outside, "%s/file", argv[2]);
	stranger = atoi(argv[3]);
	check(0);
	if (argc > 4) {
		in_threads(threads, check);
		in_threads(1, fork_thread);
		return 0;
	}
	in_threads(threads, check_and_create);
	in_threads(threads, fork_thread);
	in_threads(2, exec_thread);

	// The caller reads from the first FIFO, looks at all threads, and then opens the other.
	char hello[sizeof inside + 8], gate[sizeof inside + 8];
	snprintf(hello, sizeof hello, "%s/hello", inside);
	snprintf(gate, sizeof gate, "%s/gate", inside);
	pthread_t t[threads];
	pthread_barrier_init(&ready, 0, threads + 1);
	pthread_barrier_init(&done, 0, threads + 1);
	for (int i = 0; i < threads; i++)
		if ((errno = pthread_create(&t[i], 0, stay, 0))) fail("pthread_create", i);
	pthread_barrier_wait(&ready);
	int fd = open(hello, O_WRONLY);
	if (fd < 0 || write(fd, "ready\n", 6) != 6) fail(hello, fd);
	char line[3];
	fd = open(gate, O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof line) != sizeof line) fail(gate, fd);
	pthread_barrier_wait(&done);
	for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
	printf("%d checks\n", checks);
	return 0;
}
