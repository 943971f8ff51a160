// Sockets of the usual families, messages with descriptors and credentials, options.
#include "common.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void pass_descriptors(void)
{
	int sv[2], files[3];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	for (int i = 0; i < 3; i++) {
		char name[] = "passed-0";
		name[7] += i;
		files[i] = MUST(open(name, O_RDWR | O_CREAT, 0600));
		MUST(write(files[i], name, sizeof name));
		MUST(lseek(files[i], 0, SEEK_SET));
	}
	union { struct cmsghdr h; char space[CMSG_SPACE(sizeof files)]; } control;
	memset(&control, 0, sizeof control);
	struct iovec iov[2] = { { "da", 2 }, { "ta", 2 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.space, .msg_controllen = sizeof control.space };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof files);
	memcpy(CMSG_DATA(c), files, sizeof files);
	SHOW(sendmsg(sv[0], &m, 0));
	for (int i = 0; i < 3; i++) close(files[i]);

	char data[10] = "";
	memset(&control, 0, sizeof control);
	iov[0] = (struct iovec){ data, 3 };
	iov[1] = (struct iovec){ data + 5, 4 };
	m.msg_controllen = sizeof control.space;
	SHOW(recvmsg(sv[1], &m, MSG_CMSG_CLOEXEC));
	printf("%s|%s, flags %d\n", data, data + 5, m.msg_flags & MSG_CTRUNC);
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		int n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		printf("level %d type %d, %d descriptors\n", c->cmsg_level == SOL_SOCKET, c->cmsg_type == SCM_RIGHTS, n);
		for (int i = 0; i < n; i++) {
			int fd;
			char text[20] = "";
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			MUST(read(fd, text, sizeof text));
			printf("%s, close-on-exec %d\n", text, fcntl(fd, F_GETFD));
			close(fd);
		}
	}

	/* Credentials beside a descriptor: two control messages. */
	int on = 1;
	SHOW(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))]; } two;
	memset(&two, 0, sizeof two);
	struct iovec byte = { "x", 1 };
	m = (struct msghdr){ .msg_iov = &byte, .msg_iovlen = 1, .msg_control = two.space, .msg_controllen = CMSG_SPACE(sizeof(int)) };
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &sv[0], sizeof(int));
	SHOW(sendmsg(sv[0], &m, 0));
	byte = (struct iovec){ data, 1 };
	m.msg_controllen = sizeof two.space;
	SHOW(recvmsg(sv[1], &m, 0));
	int rights = 0, credentials = 0;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == SCM_RIGHTS) rights++;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred u;
			memcpy(&u, CMSG_DATA(c), sizeof u);
			credentials += u.pid == getpid() && u.uid == getuid() && u.gid == getgid();
		}
	}
	printf("rights %d credentials %d\n", rights, credentials);
	struct ucred peer;
	socklen_t len = sizeof peer;
	SHOW(getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &peer, &len));
	printf("peer %d, length %d\n", peer.pid == getpid(), (int)len);

	/* Too little room for the control data. */
	m = (struct msghdr){ .msg_iov = &(struct iovec){ "y", 1 }, .msg_iovlen = 1, .msg_control = two.space, .msg_controllen = CMSG_SPACE(sizeof(int)) };
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET; c->cmsg_type = SCM_RIGHTS; c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &sv[0], sizeof(int));
	MUST(sendmsg(sv[0], &m, 0));
	byte = (struct iovec){ data, 1 };
	m = (struct msghdr){ .msg_iov = &byte, .msg_iovlen = 1 };
	SHOW(recvmsg(sv[1], &m, 0));
	printf("truncated %d\n", (m.msg_flags & MSG_CTRUNC) != 0);
	close(sv[0]);
	close(sv[1]);
}

static void unix_sockets(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" }, from;
	socklen_t len = sizeof from;
	int server = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	SHOW(bind(server, (void *)&a, sizeof a));
	SHOW(bind(server, (void *)&a, sizeof a));
	SHOW(listen(server, 5));
	SHOW(accept(server, 0, 0));
	int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	SHOW(connect(client, (void *)&a, sizeof a));
	int conn = MUST(accept4(server, (void *)&from, &len, SOCK_NONBLOCK));
	printf("from family %d, length %d\n", from.sun_family, (int)len);
	len = sizeof from;
	SHOW(getpeername(client, (void *)&from, &len));
	printf("%s %d\n", from.sun_path, (int)len);
	char buf[100] = "";
	SHOW(recv(conn, buf, 10, 0));
	SHOW(send(client, "message", 7, 0));
	SHOW(recv(conn, buf, 3, MSG_PEEK));
	int n = 0;
	SHOW(ioctl(conn, FIONREAD, &n));
	printf("%d waiting\n", n);
	SHOW(recv(conn, buf, 100, 0));
	printf("%.7s\n", buf);
	SHOW(shutdown(client, SHUT_WR));
	SHOW(recv(conn, buf, 100, 0));
	close(client);
	SHOW(send(conn, "x", 1, MSG_NOSIGNAL));
	close(conn);
	close(server);
	SHOW(unlink("socket"));
	SHOW(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&a, sizeof a));

	/* Abstract names and datagrams. */
	int d1 = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), d2 = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	memset(&a, 0, sizeof a);
	a.sun_family = AF_UNIX;
	snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "walisup-test-%d", (int)getpid());
	socklen_t alen = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1);
	SHOW(bind(d1, (void *)&a, alen));
	SHOW(sendto(d2, "one", 3, 0, (void *)&a, alen));
	SHOW(sendto(d2, "second", 6, 0, (void *)&a, alen));
	SHOW(recv(d1, buf, 2, MSG_TRUNC));
	len = sizeof from;
	SHOW(recvfrom(d1, buf, 100, 0, (void *)&from, &len));
	printf("%.6s, address length %d\n", buf, (int)len);
	close(d1);
	close(d2);
	int seq[2];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq));
	send(seq[0], "ab", 2, 0);
	send(seq[0], "cde", 3, 0);
	SHOW(recv(seq[1], buf, 100, 0));
	SHOW(recv(seq[1], buf, 100, 0));
	close(seq[0]); close(seq[1]);
}

static void tcp(int family)
{
	struct sockaddr_storage a = { .ss_family = family }, b;
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), got = sizeof b;
	if (family == AF_INET) ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
	int server = MUST(socket(family, SOCK_STREAM, 0));
	int on = 1;
	SHOW(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
	if (bind(server, (void *)&a, len)) {
		printf("no loopback for family %d: %s\n", family == AF_INET ? 4 : 6, errno_name(errno));
		close(server);
		return;
	}
	SHOW(listen(server, 1));
	SHOW(getsockname(server, (void *)&a, &got));
	printf("length %d, port %s\n", (int)got, ((struct sockaddr_in *)&a)->sin_port ? "chosen" : "none");
	int client = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int r = connect(client, (void *)&a, len);
	printf("connecting: %d\n", r == 0 || errno == EINPROGRESS);
	struct pollfd p = { client, POLLOUT, 0 };
	SHOW(poll(&p, 1, 5000));
	int err = -1;
	socklen_t elen = sizeof err;
	SHOW(getsockopt(client, SOL_SOCKET, SO_ERROR, &err, &elen));
	printf("%d %d\n", err, (int)elen);
	got = sizeof b;
	int conn = MUST(accept(server, (void *)&b, &got));
	printf("family %d, length %d\n", b.ss_family == family, (int)got);
	char host[100], port[20];
	SHOW(getnameinfo((void *)&b, got, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV));
	printf("%s\n", host);
	SHOW(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
	int value = 0;
	elen = sizeof value;
	SHOW(getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &elen));
	printf("%d\n", value != 0);
	struct linger linger = { 1, 5 };
	SHOW(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
	struct timeval tv = { 0, 50000 }, back = { 0 };
	SHOW(setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	elen = sizeof back;
	SHOW(getsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &back, &elen));
	printf("%ld %ld %d\n", (long)back.tv_sec, (long)back.tv_usec / 10000, (int)elen);
	char buf[200000];
	SHOW(recv(conn, buf, 10, 0));
	long sent = 0, received = 0;
	unsigned h = 0;
	static char chunk[50000];
	for (int i = 0; i < (int)sizeof chunk; i++) chunk[i] = i * 7;
	while (received < 1000000) {
		if (sent < 1000000) {
			ssize_t n = send(client, chunk, sizeof chunk, MSG_NOSIGNAL);
			if (n > 0) sent += n;
		}
		ssize_t n = recv(conn, buf, sizeof buf, MSG_DONTWAIT);
		if (n > 0) { received += n; h += buf[0] ? 1 : 0; }
	}
	printf("received enough %d\n", received >= 1000000);
	struct tcp_info info;
	elen = sizeof info;
	SHOW(getsockopt(conn, IPPROTO_TCP, TCP_INFO, &info, &elen));
	SHOW(getsockopt(conn, SOL_SOCKET, 9999, &value, &elen));
	close(conn);
	close(client);
	close(server);
	int refused = MUST(socket(family, SOCK_STREAM, 0));
	SHOW(connect(refused, (void *)&a, len));
	close(refused);
}

static void udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } }, from;
	socklen_t len = sizeof a;
	int s = MUST(socket(AF_INET, SOCK_DGRAM, 0)), c = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(bind(s, (void *)&a, sizeof a));
	MUST(getsockname(s, (void *)&a, &len));
	SHOW(sendto(c, "datagram", 8, 0, (void *)&a, len));
	char buf[100] = "";
	len = sizeof from;
	SHOW(recvfrom(s, buf, 100, 0, (void *)&from, &len));
	printf("%s %d\n", buf, (int)len);
	SHOW(sendto(s, "", 0, 0, (void *)&from, len));
	SHOW(recv(c, buf, 100, 0));
	struct mmsghdr mm[3];
	struct iovec iov[3];
	char parts[3][10];
	memset(mm, 0, sizeof mm);
	for (int i = 0; i < 3; i++) {
		snprintf(parts[i], 10, "part %d", i);
		iov[i] = (struct iovec){ parts[i], 6 };
		mm[i].msg_hdr = (struct msghdr){ .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	SHOW(sendmmsg(c, mm, 3, 0));
	for (int i = 0; i < 3; i++) mm[i].msg_hdr.msg_name = 0, mm[i].msg_hdr.msg_namelen = 0, memset(parts[i], 0, 10);
	SHOW(recvmmsg(s, mm, 3, MSG_WAITFORONE, 0) > 0);
	printf("%s %u\n", parts[0], mm[0].msg_len);
	close(s);
	close(c);
}

int main(void)
{
	pass_descriptors();
	unix_sockets();
	tcp(AF_INET);
	tcp(AF_INET6);
	udp();

	SHOW(socket(AF_INET, 99, 0));
	SHOW(socket(999, SOCK_STREAM, 0));
	SHOW(bind(-1, 0, 0));
	SHOW(send(0, "x", 1, 0));
	int s = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	SHOW(listen(s, 1));
	SHOW(send(s, "x", 1, MSG_NOSIGNAL));
	SHOW(getpeername(s, (void *)&(struct sockaddr_un){ 0 }, &(socklen_t){ sizeof(struct sockaddr_un) }));
	int value, type;
	socklen_t len = sizeof type;
	SHOW(getsockopt(s, SOL_SOCKET, SO_TYPE, &type, &len));
	printf("%d\n", type == SOCK_STREAM);
	SHOW(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &value, &len));
	printf("%d\n", value == AF_UNIX);

	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *ai;
	SHOW(getaddrinfo("127.0.0.1", "80", &hints, &ai));
	printf("%d %d %s\n", ai->ai_family == AF_INET, ntohs(((struct sockaddr_in *)ai->ai_addr)->sin_port), inet_ntoa(((struct sockaddr_in *)ai->ai_addr)->sin_addr));
	freeaddrinfo(ai);
	SHOW(getaddrinfo("not a number", "80", &hints, &ai) != 0);
	unsigned char addr[16];
	char text[64];
	SHOW(inet_pton(AF_INET6, "2001:db8::1", addr));
	printf("%s\n", inet_ntop(AF_INET6, addr, text, sizeof text));
	return 0;
}
