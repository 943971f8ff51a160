// syscall, prctl, semctl and ulimit in C++, where they must be functions: others may have such names.
// Needs no C++ library.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
extern "C" {
#include <unistd.h>
#include <sys/syscall.h>
}
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <time.h>
#include <ulimit.h>

#define SHOW(expr) printf("%s = %lld\n", #expr, (long long)(expr))

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

namespace other {
int syscall(const char *name, int x) { return name[0] + x; }
template<class T> int semctl(T x) { return x; }
}

struct tracer {
	int last = 0;
	int syscall(int number, int) { return last = number; }
	int syscall() const { return last; }
	int prctl(int a, int b) { return a * b; }
	static int semctl(int a, int b, int c, int d) { return a + b + c + d; }
};

struct derived : tracer {
	int both() { return syscall(SYS_getpid, 2) + static_cast<int>(::syscall(SYS_getpid) == getpid()); }
};

using pointer = long (*)(long, ...);
static pointer table[] = { syscall, &::syscall };

template<class... T> static long call(T... x) { return syscall(x...); }

enum class scoped : int { seek_set = SEEK_SET };

int main()
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	SHOW(syscall(SYS_write, fd, "0123456789", 10L));
	SHOW(syscall(SYS_lseek, fd, 3, SEEK_SET));
	SHOW(::syscall(SYS_lseek, fd, -2L, SEEK_END));
	SHOW(syscall(SYS_lseek, fd, 4u, scoped::seek_set));
	SHOW(call(SYS_lseek, fd, 5, SEEK_SET));
	SHOW(syscall(SYS_getpid) == getpid());
	SHOW(syscall(long(SYS_getpid)) == getpid());
	timespec t = { 0, 1000 };
	SHOW(syscall(SYS_nanosleep, &t, nullptr));
	SHOW(syscall(SYS_nanosleep, &t, 0, false, 'x', 1, 2, 3, 4));
	int p[2];
	SHOW(table[0](SYS_pipe2, p, 0));
	SHOW(table[1](SYS_getpid) == getpid());
	SHOW((syscall)(SYS_dup2, 1, 77));

	derived d;
	SHOW(other::syscall("a", 1));
	SHOW(other::semctl(4));
	SHOW(d.syscall(1, 2));
	SHOW(d.both() - SYS_getpid);
	SHOW(static_cast<const tracer &>(d).syscall() - SYS_getpid);
	SHOW(d.prctl(2, 3));
	SHOW(tracer::semctl(1, 2, 3, 4));

	char name[16] = "";
	SHOW(prctl(PR_SET_NAME, "name"));
	SHOW(::prctl(PR_GET_NAME, name, 0, 0, 0));
	SHOW(strcmp(name, "name"));
	SHOW(prctl(PR_GET_DUMPABLE));
	int (*control)(int, ...) = prctl;
	SHOW(control(PR_GET_DUMPABLE));

	int s = semget(IPC_PRIVATE, 2, 0600);
	unsigned short v[2] = { 4, 5 };
	const semun u = { 6 };
	SHOW(semctl(s, 0, SETVAL, 1));
	SHOW(semctl(s, 0, GETVAL));
	SHOW(semctl(s, 0, SETALL, v));
	SHOW(semctl(s, 1, GETVAL, nullptr));
	SHOW(semctl(s, 0, SETVAL, u));
	SHOW(semctl(s, 0, GETALL, &v[0]));
	SHOW(v[0] * 10 + v[1]);
	int (*control_semaphores)(int, int, int, ...) = semctl;
	SHOW(control_semaphores(s, 1, SETVAL, u));
	SHOW(semctl(s, 1, GETVAL));
	SHOW(semctl(s, 0, IPC_RMID));
	SHOW(ulimit(UL_SETFSIZE, 90000));
	SHOW(::ulimit(UL_GETFSIZE));
	return 0;
}
