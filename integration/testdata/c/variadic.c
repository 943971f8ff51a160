// Functions of the C library whose arguments have any type: syscall, prctl, semctl, ulimit.
// flags: -Wall -Werror
#include "common.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <ulimit.h>
#include <unistd.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

// Others define more, or less, than the manual asks for.
union alone { int val; };
union larger { long val; void *buf; char bytes[16]; };
struct wrapped { union semun u; };

static int evaluated;
static int once(int x) { evaluated++; return x; }

static void system_calls(void)
{
	int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
	SHOW(syscall(SYS_write, fd, "0123456789", 10L));
	// An int, a long and an unsigned where the kernel has a long.
	SHOW(syscall(SYS_lseek, fd, 3, SEEK_SET));
	SHOW(syscall(SYS_lseek, fd, -2L, SEEK_END));
	SHOW(syscall(SYS_lseek, fd, 4L, SEEK_SET));
	SHOW(syscall(SYS_lseek, fd, 5u, (char)SEEK_SET));
	SHOW(syscall(SYS_lseek, (short)fd, 0x100000000L, SEEK_SET));
	SHOW(syscall(SYS_lseek, fd, -1L, SEEK_SET));
	SHOW(syscall(SYS_lseek, fd, 0, SEEK_END, "more", "than", "there", "is"));
	enum { write_only = O_WRONLY } flags = write_only;
	SHOW(syscall(SYS_openat, AT_FDCWD, (char[]){ 'f', 'i', 'l', 'e', 0 }, flags, 0) > 2);

	// Commas that separate no arguments.
	SHOW(syscall(SYS_nanosleep, &(struct timespec){ 0, 1000 }, 0));
	SHOW(syscall(SYS_nanosleep, (struct timespec[2]){ { 0, 1000 }, { -1, -1 } }, (struct timespec *)0));
	char name[2][8] = { "x", "y" };
	SHOW(syscall(SYS_mkdirat, AT_FDCWD, (const char *[]){ name[0], name[1] }[1], 0700));
	SHOW(access("y", R_OK));

	SHOW(syscall(once(SYS_getpid)) == getpid());
	SHOW(syscall(SYS_dup2, once(fd), once(77)));
	SHOW(evaluated);
	SHOW(syscall(-1, 1, 2, 3));
	SHOW(syscall(SYS_write, -1, 0, 0));

	// The function itself.
	long (*f)(long, ...) = syscall;
	int p[2];
	SHOW(f(SYS_getpid) == getpid());
	SHOW(f(SYS_pipe2, p, O_CLOEXEC));
	SHOW(p[1] > p[0]);
	SHOW((syscall)(SYS_dup2, 1, 78));
	SHOW((*&syscall)(SYS_lseek, fd, 6L, SEEK_SET));
	SHOW(f(SYS_pwrite64, fd, "abc", 3, 2L));
	SHOW(f(SYS_fcntl, 99, F_GETFD));
}

static void process_controls(void)
{
	char name[16] = "";
	SHOW(prctl(PR_SET_NAME, (char[]){ 'n', 'a', 'm', 'e', 0 }));
	SHOW(prctl(PR_GET_NAME, name));
	printf("%s\n", name);
	SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	int sig = 0;
	SHOW(prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0));
	SHOW(sig);
	SHOW(prctl(PR_SET_PDEATHSIG, 0L, 1, 2u, (void *)0));
	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	SHOW(prctl(once(PR_CAPBSET_READ), 0) >= 0);
	int (*f)(int, ...) = prctl;
	SHOW(f(PR_GET_NAME, name));
	SHOW((prctl)(PR_GET_DUMPABLE));
}

static void semaphores(void)
{
	int s = MUST(semget(IPC_PRIVATE, 3, 0600));
	unsigned short v[3] = { 4, 5, 6 };
	SHOW(semctl(s, 0, SETVAL, 1));
	SHOW(semctl(s, 0, GETVAL));
	SHOW(semctl(s, 0, GETVAL, 0));
	SHOW(semctl(s, 0, GETVAL, (void *)0));
	SHOW(semctl(s, once(1), SETVAL, (short)2));
	SHOW(semctl(s, 1, GETVAL));
	SHOW(semctl(s, 1, SETVAL, 3L));
	SHOW(semctl(s, 1, GETVAL));
	SHOW(semctl(s, 1, SETVAL, (char)-1));
	SHOW(semctl(s, 1, SETVAL, 40000));

	SHOW(semctl(s, 0, SETALL, v));
	unsigned short w[3] = { 0 }, *p = w;
	SHOW(semctl(s, 0, GETALL, p));
	printf("%d %d %d\n", w[0], w[1], w[2]);
	SHOW(semctl(s, 0, SETALL, (unsigned short[]){ 7, 8, 9 }));
	SHOW(semctl(s, 0, GETALL, &w[0]));
	printf("%d %d %d\n", w[0], w[1], w[2]);
	struct semid_ds ds;
	SHOW(semctl(s, 0, IPC_STAT, &ds));
	SHOW(ds.sem_nsems);

	union semun u = { .array = v };
	SHOW(semctl(s, 0, SETALL, u));
	u.array = w;
	const union semun constant = u;
	SHOW(semctl(s, 0, GETALL, constant));
	printf("%d %d %d\n", w[0], w[1], w[2]);
	SHOW(semctl(s, 2, SETVAL, (union semun){ .val = 11 }));
	SHOW(semctl(s, 2, GETVAL, u));
	SHOW(semctl(s, 2, SETVAL, (union alone){ 12 }));
	SHOW(semctl(s, 2, GETVAL));
	SHOW(semctl(s, 2, SETVAL, (union larger){ .val = 13 }));
	SHOW(semctl(s, 2, GETVAL));
	SHOW(semctl(s, 2, SETVAL, (struct wrapped){ { 14 } }));
	SHOW(semctl(s, 2, GETVAL));
	u.buf = &ds;
	SHOW(semctl(s, 0, IPC_STAT, u));
	ds.sem_perm.mode = 0640;
	SHOW(semctl(s, 0, IPC_SET, &ds));
	SHOW(semctl(s, 0, IPC_STAT, u));
	printf("%o\n", ds.sem_perm.mode);

	// The function itself takes the union.
	int (*f)(int, int, int, ...) = semctl;
	u.val = 15;
	SHOW(f(s, 2, SETVAL, u));
	SHOW((semctl)(s, 2, GETVAL));

	SHOW(semctl(s, 0, SETALL, (void *)1));
	SHOW(semctl(s, 0, IPC_RMID));
	SHOW(semctl(s, 0, IPC_RMID, 0));
	SHOW(semctl(-1, 0, SETVAL, once(1)));
	SHOW(evaluated);
}

static void file_sizes(void)
{
	SHOW(ulimit(UL_SETFSIZE, 100000L));
	SHOW(ulimit(UL_GETFSIZE));
	SHOW(ulimit(UL_SETFSIZE, 90000)); // an int where the manual has a long
	SHOW(ulimit(UL_GETFSIZE, 0));
	SHOW(ulimit(once(UL_SETFSIZE), 80000u));
	long (*f)(int, ...) = ulimit;
	SHOW(f(UL_SETFSIZE, 70000L));
	SHOW((ulimit)(UL_GETFSIZE));
	SHOW(evaluated);
}

int main(void)
{
	system_calls();
	process_controls();
	semaphores();
	file_sizes();
	return 0;
}
