// System V IPC, POSIX message queues, timers, socket filters, many messages in one call.
// flags: -lrt
#include "common.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

union semun { int val; struct semid_ds *buf; unsigned short *array; };

static void semaphores(void)
{
	int id = MUST(semget(IPC_PRIVATE, 2, 0600));
	union semun arg = { .val = 4 };
	SHOW(semctl(id, 1, SETVAL, arg));
	struct sembuf ops[] = { { 1, -3, 0 }, { 0, 2, 0 } }, take = { 0, -9, IPC_NOWAIT };
	SHOW(semop(id, ops, 2));
	SHOW(semop(id, &take, 1));
	unsigned short values[2];
	arg.array = values;
	SHOW(semctl(id, 0, GETALL, arg));
	printf("values %d %d\n", values[0], values[1]);
	SHOW(semctl(id, 1, GETVAL));
	struct semid_ds ds;
	arg.buf = &ds;
	SHOW(semctl(id, 0, IPC_STAT, arg));
	printf("%d semaphores, mode %o, used %d\n", (int)ds.sem_nsems, ds.sem_perm.mode, ds.sem_otime != 0);
	ds.sem_perm.mode = 0640;
	SHOW(semctl(id, 0, IPC_SET, arg));
	SHOW(semctl(id, 0, IPC_STAT, arg));
	printf("mode %o\n", ds.sem_perm.mode);
	SHOW(semctl(id, 0, IPC_RMID));
	SHOW(semctl(id, 0, IPC_STAT, arg));
}

static void queues(void)
{
	int id = MUST(msgget(IPC_PRIVATE, 0600));
	struct { long type; char text[16]; } m = { 7, "first" };
	SHOW(msgsnd(id, &m, 6, 0));
	m.type = 3;
	strcpy(m.text, "second");
	SHOW(msgsnd(id, &m, 7, 0));
	struct msqid_ds ds;
	SHOW(msgctl(id, IPC_STAT, &ds));
	printf("%d messages, last from me %d\n", (int)ds.msg_qnum, ds.msg_lspid == getpid());
	SHOW(msgrcv(id, &m, sizeof m.text, -5, 0));
	printf("%ld %s\n", m.type, m.text);
	SHOW(msgrcv(id, &m, 2, 0, 0));
	SHOW(msgrcv(id, &m, 2, 0, MSG_NOERROR));
	SHOW(msgrcv(id, &m, 2, 0, IPC_NOWAIT));
	SHOW(msgctl(id, IPC_RMID, 0));
}

static void shared_memory(void)
{
	int id = MUST(shmget(IPC_PRIVATE, 5000, 0600));
	char *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
	if (a == (char *)-1 || b == (char *)-1) {
		printf("shmat: %s\n", errno_name(errno));
		return;
	}
	strcpy(a, "seen twice");
	printf("%s\n", b);
	struct shmid_ds ds;
	SHOW(shmctl(id, IPC_STAT, &ds));
	printf("size %d, attached %d\n", (int)ds.shm_segsz, (int)ds.shm_nattch);
	SHOW(shmdt(b));
	SHOW(shmdt(b));
	SHOW(shmctl(id, IPC_STAT, &ds));
	printf("attached %d\n", (int)ds.shm_nattch);
	SHOW(shmctl(id, IPC_RMID, 0));
	SHOW(shmdt(a));
}

static void posix_queues(void)
{
	char name[40];
	snprintf(name, sizeof name, "/walisup-test-%d", getpid());
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 20 };
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
	if (q == (mqd_t)-1) {
		printf("mq_open: %s\n", errno_name(errno));
		return;
	}
	SHOW(mq_unlink(name));
	SHOW(mq_send(q, "low", 3, 1));
	SHOW(mq_send(q, "high", 4, 8));
	SHOW(mq_getattr(q, &attr));
	printf("%ld %ld %ld\n", attr.mq_maxmsg, attr.mq_msgsize, attr.mq_curmsgs);
	char text[21] = "";
	unsigned priority = 0;
	SHOW(mq_receive(q, text, 20, &priority));
	printf("%s %u\n", text, priority);
	SHOW(mq_receive(q, text, 19, &priority));
	SHOW(mq_receive(q, text, 20, 0));
	struct timespec past = { 1, 0 };
	SHOW(mq_timedreceive(q, text, 20, 0, &past));
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	SHOW(mq_notify(q, &none));
	SHOW(mq_notify(q, &none));
	SHOW(mq_notify(q, 0));
	SHOW(mq_close(q));
}

static void timers(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE, .sigev_value.sival_int = 3 };
	timer_t t;
	SHOW(timer_create(CLOCK_MONOTONIC, &none, &t));
	struct itimerspec left, value = { .it_value = { 100, 0 }, .it_interval = { 7, 5 } };
	SHOW(timer_settime(t, 0, &value, &left));
	printf("%ld %ld\n", (long)left.it_value.tv_sec, (long)left.it_interval.tv_sec);
	SHOW(timer_gettime(t, &left));
	printf("%d, every %ld s %ld ns\n", left.it_value.tv_sec >= 90, (long)left.it_interval.tv_sec, left.it_interval.tv_nsec);
	SHOW(timer_getoverrun(t));
	SHOW(timer_delete(t));
	none.sigev_notify = 77;
	SHOW(timer_create(CLOCK_MONOTONIC, &none, &t));
}

static void many_messages(void)
{
	int sv[2];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	struct mmsghdr m[3] = { 0 };
	struct iovec iov[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
	for (int i = 0; i < 3; i++) m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	SHOW(sendmmsg(sv[0], m, 3, 0));
	printf("%u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	char text[3][8] = { "" };
	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ text[i], 2 };
		m[i].msg_len = 99;
	}
	struct timespec limit = { 10, 0 };
	SHOW(recvmmsg(sv[1], m, 3, 0, &limit));
	for (int i = 0; i < 3; i++) printf("%u %s truncated %d\n", m[i].msg_len, text[i], (m[i].msg_hdr.msg_flags & MSG_TRUNC) != 0);
	SHOW(recvmmsg(sv[1], m, 3, MSG_DONTWAIT, 0));

	struct sock_filter two[] = { BPF_STMT(BPF_RET | BPF_K, 2) };
	struct sock_fprog program = { 1, two };
	SHOW(setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
	SHOW(send(sv[0], "long", 4, 0));
	SHOW(recv(sv[1], text, sizeof text, 0));
	program.filter = 0;
	SHOW(setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

int main(void)
{
	semaphores();
	queues();
	shared_memory();
	posix_queues();
	timers();
	many_messages();
	return 0;
}
