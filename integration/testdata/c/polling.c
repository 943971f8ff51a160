// poll, select, epoll, eventfd and timerfd.
#include "common.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int main(void)
{
	int p[2], q[2];
	MUST(pipe(p));
	MUST(pipe(q));
	struct pollfd fds[3] = { { p[0], POLLIN, 0 }, { q[1], POLLOUT, 0 }, { 99, POLLIN, 0 } };
	SHOW(poll(fds, 3, 0));
	printf("%x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents);
	long long t = now();
	SHOW(poll(fds, 1, 50));
	printf("waited %d\n", now() - t >= 49);
	write(p[1], "x", 1);
	SHOW(poll(fds, 1, -1));
	printf("%x\n", fds[0].revents);
	fds[0].fd = -1;
	SHOW(poll(fds, 1, 0));
	SHOW(poll(0, 0, 10));
	fds[0].fd = p[0];
	SHOW(ppoll(fds, 1, &(struct timespec){ 0, 0 }, &(sigset_t){ 0 }));
	SHOW(ppoll(fds, 1, &(struct timespec){ 0, -1 }, 0));
	close(q[1]);
	fds[0] = (struct pollfd){ q[0], POLLIN, 0 };
	SHOW(poll(fds, 1, 0));
	printf("%x\n", fds[0].revents);

	fd_set r, w, e;
	FD_ZERO(&r); FD_ZERO(&w); FD_ZERO(&e);
	FD_SET(p[0], &r); FD_SET(p[1], &w); FD_SET(q[0], &r); FD_SET(q[0], &e);
	SHOW(select(100, &r, &w, &e, &(struct timeval){ 1, 0 }));
	printf("%d %d %d %d\n", FD_ISSET(p[0], &r), FD_ISSET(p[1], &w), FD_ISSET(q[0], &r), FD_ISSET(q[0], &e));
	FD_ZERO(&r);
	t = now();
	SHOW(select(0, 0, 0, 0, &(struct timeval){ 0, 30000 }));
	printf("waited %d\n", now() - t >= 29);
	FD_SET(62, &r);
	SHOW(select(63, &r, 0, 0, &(struct timeval){ 0, 0 }));
	SHOW(select(-1, 0, 0, 0, 0));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	SHOW(pselect(p[0] + 1, &r, 0, 0, &(struct timespec){ 0, 0 }, &(sigset_t){ 0 }));
	SHOW(pselect(p[0] + 1, &r, 0, 0, &(struct timespec){ 0, 0 }, 0));

	/* epoll: level and edge triggered, one-shot, all of the 64 bits of data. */
	int ep = MUST(epoll_create1(EPOLL_CLOEXEC));
	SHOW(fcntl(ep, F_GETFD));
	struct epoll_event ev = { EPOLLIN, { .u64 = 0x123456789abcdef0 } }, got[5];
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	SHOW(epoll_wait(ep, got, 5, 0));
	printf("%x %llx\n", got[0].events, (unsigned long long)got[0].data.u64);
	SHOW(epoll_wait(ep, got, 5, 0));
	ev.events = EPOLLIN | EPOLLET;
	SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_wait(ep, got, 5, 0));
	SHOW(epoll_wait(ep, got, 5, 0));
	write(p[1], "y", 1);
	SHOW(epoll_wait(ep, got, 5, 0));
	ev.events = EPOLLIN | EPOLLONESHOT;
	SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_wait(ep, got, 5, 0));
	SHOW(epoll_wait(ep, got, 5, 20));
	SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
	SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev));
	SHOW(epoll_wait(ep, got, 0, 0));
	int sockets[4][2];
	for (int i = 0; i < 4; i++) {
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[i]));
		ev = (struct epoll_event){ EPOLLIN | EPOLLRDHUP, { .u32 = i } };
		MUST(epoll_ctl(ep, EPOLL_CTL_ADD, sockets[i][0], &ev));
	}
	write(sockets[1][1], "a", 1);
	close(sockets[3][1]);
	int n = SHOW(epoll_pwait(ep, got, 5, 1000, &(sigset_t){ 0 }));
	unsigned seen[4] = { 0 };
	for (int i = 0; i < n; i++) seen[got[i].data.u32] = got[i].events;
	printf("%x %x %x %x\n", seen[0], seen[1], seen[2], seen[3]);
	int file = MUST(open("regular", O_RDWR | O_CREAT, 0600));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev));

	int ef = MUST(eventfd(3, EFD_NONBLOCK));
	eventfd_t v = 5;
	SHOW(eventfd_write(ef, 4));
	SHOW(eventfd_read(ef, &v));
	printf("%llu\n", (unsigned long long)v);
	SHOW(eventfd_read(ef, &v));
	SHOW(write(ef, &v, 3));
	int sem = MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
	SHOW(eventfd_read(sem, &v));
	SHOW(eventfd_read(sem, &v));
	SHOW(eventfd_read(sem, &v));

	int tf = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec its = { .it_value = { 0, 20000000 }, .it_interval = { 0, 10000000 } }, old;
	SHOW(timerfd_settime(tf, 0, &its, 0));
	SHOW(read(tf, &v, 8));
	fds[0] = (struct pollfd){ tf, POLLIN, 0 };
	SHOW(poll(fds, 1, 5000));
	SHOW(read(tf, &v, 8));
	printf("expired %d\n", v >= 1);
	SHOW(timerfd_gettime(tf, &its));
	printf("%ld %d\n", (long)its.it_interval.tv_nsec, its.it_value.tv_nsec > 0);
	SHOW(timerfd_settime(tf, 0, &(struct itimerspec){ 0 }, &old));
	printf("%ld\n", (long)old.it_interval.tv_nsec);
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	SHOW(timerfd_settime(tf, TFD_TIMER_ABSTIME, &(struct itimerspec){ .it_value = ts }, 0));
	SHOW(poll(fds, 1, 5000));
	SHOW(timerfd_create(77, 0));
	SHOW(timerfd_settime(tf, 0, &(struct itimerspec){ .it_value = { 0, -1 } }, 0));
	return 0;
}
