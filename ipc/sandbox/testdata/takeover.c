// What a module does that has taken its helper over: native calls of every kind. Each line
// of output is the name of an attempt and how it ended: 0, or an errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, long r)
{
	printf("%s %s\n", name, r >= 0 ? "0" : strerrorname_np(errno));
}

static long tcp(int family, int port, int fastopen)
{
	struct sockaddr_storage s = {.ss_family = family};
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0) return fd;
	if (family == AF_INET) {
		((struct sockaddr_in *)&s)->sin_port = htons(port);
		((struct sockaddr_in *)&s)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else {
		((struct sockaddr_in6 *)&s)->sin6_port = htons(port);
		((struct sockaddr_in6 *)&s)->sin6_addr = in6addr_loopback;
	}
	socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	if (fastopen == 1) return sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&s, n);
	if (fastopen == 2) {
		struct iovec v = {"x", 1};
		struct msghdr m = {.msg_name = &s, .msg_namelen = n, .msg_iov = &v, .msg_iovlen = 1};
		return sendmsg(fd, &m, MSG_FASTOPEN);
	}
	return connect(fd, (void *)&s, n);
}

// A call by the numbers of i386.
static long i386(long nr, long a, long b)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	if (r < 0 && r > -4096) { errno = -r; return -1; }
	return r;
}

// The status of a child that does something which may kill it: -1 if that does.
static long in_child(long (*f)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) _exit(f() < 0 ? errno : 0);
	waitpid(pid, &status, 0);
	// SIGSYS of the filter, or SIGSEGV where the kernel has no such calls at all.
	if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV ? -1 : -2;
	return WEXITSTATUS(status);
}

static long try_i386(void) { return i386(20, 0, 0); } // getpid
static long try_x32(void) { return syscall(0x40000000 | SYS_getpid); }
static long try_mount_in_namespace(void)
{
	if (syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0) < 0) return -1;
	return 0;
}

static void *stub_path; // in the parent's memory

int main(int argc, char **argv)
{
	const char *readable = argv[1], *writable = argv[2], *outside = argv[3];
	int allowed = atoi(argv[4]), refused = atoi(argv[5]);
	char path[4096];
	pid_t parent = getppid();
	setvbuf(stdout, 0, _IONBF, 0);
	(void)argc;

	say("read allowed", open(readable, O_RDONLY));
	say("list allowed's directory", open("/", O_RDONLY | O_DIRECTORY));
	say("read outside", open(outside, O_RDONLY));
	say("write outside", open(outside, O_WRONLY));
	say("truncate outside", truncate(outside, 0));
	say("write readable", open(readable, O_WRONLY));
	say("truncate readable", truncate(readable, 0));
	say("open and truncate readable", open(readable, O_RDONLY | O_TRUNC));
	snprintf(path, sizeof path, "%s/new", writable);
	say("make allowed", open(path, O_RDWR | O_CREAT, 0600));
	say("link outside", linkat(AT_FDCWD, outside, AT_FDCWD, strcat(strcpy(path, writable), "/link"), 0));
	say("rename readable", syscall(SYS_renameat2, AT_FDCWD, readable, AT_FDCWD, strcat(strcpy(path, writable), "/moved"), 0));
	say("symlink", symlinkat(outside, AT_FDCWD, strcat(strcpy(path, writable), "/symlink")));
	say("read through symlink", open(path, O_RDONLY));
	say("device", mknodat(AT_FDCWD, strcat(strcpy(path, writable), "/mem"), S_IFCHR | 0600, 0x101));
	say("chmod outside", syscall(SYS_fchmodat, AT_FDCWD, outside, 0777));
	say("chown outside", syscall(SYS_fchownat, AT_FDCWD, outside, getuid(), getgid(), 0));
	say("utime outside", utimensat(AT_FDCWD, outside, 0, 0));
	say("xattr outside", syscall(SYS_setxattr, outside, "user.x", "y", 1, 0));
	say("setxattrat outside", syscall(463, AT_FDCWD, outside, 0, "user.x", 0, 0));
	int opath = open(outside, O_PATH);
	say("O_PATH outside", opath);
	say("fchmod of O_PATH", fchmod(opath, 0777));
	say("fchmodat2 of O_PATH", syscall(452, opath, "", 0777, AT_EMPTY_PATH));
	snprintf(path, sizeof path, "/proc/self/fd/%d", opath);
	say("reopen O_PATH", open(path, O_RDONLY));
	say("handle", syscall(SYS_open_by_handle_at, AT_FDCWD, path, O_RDONLY));
	say("chroot", chroot(writable));
	say("inotify", syscall(SYS_inotify_init1, 0));
	char *none[] = {0};
	say("execute native", syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
	say("execve", syscall(SYS_execve, "/bin/true", none, none));

	say("signal parent", kill(parent, 0));
	say("signal init", kill(1, SIGCONT));
	int pidfd = syscall(SYS_pidfd_open, parent, 0);
	say("pidfd of parent", pidfd);
	say("signal by pidfd", syscall(SYS_pidfd_send_signal, pidfd, 0, 0, 0));
	say("descriptor of parent", syscall(SYS_pidfd_getfd, pidfd, 0, 0));
	say("ptrace", ptrace(PTRACE_ATTACH, parent, 0, 0));
	struct iovec v = {&stub_path, 8};
	say("process_vm_readv", syscall(SYS_process_vm_readv, parent, &v, 1, &v, 1, 0));
	snprintf(path, sizeof path, "/proc/%d/mem", parent);
	say("memory of parent", open(path, O_RDWR));
	snprintf(path, sizeof path, "/proc/%d/root/etc", parent);
	say("root of parent", open(path, O_RDONLY));
	say("limits of parent", syscall(SYS_prlimit64, parent, 0, 0, 0));
	say("priority of user", syscall(SYS_setpriority, 2, 0, 5));
	say("affinity of parent", sched_setaffinity(parent, sizeof path, (void *)path));

	say("io_uring", syscall(SYS_io_uring_setup, 8, path));
	say("bpf", syscall(SYS_bpf, 0, path, 64));
	say("perf", syscall(SYS_perf_event_open, path, 0, -1, -1, 0));
	say("userfaultfd", syscall(SYS_userfaultfd, 0));
	say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	say("shmget", syscall(SYS_shmget, 1, 4096, 01666));
	say("msgget", syscall(SYS_msgget, 1, 01666));
	say("mq_open", syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, 0));
	say("user namespace", unshare(CLONE_NEWUSER));
	say("setns", setns(opath, 0));
	say("clone3", syscall(SYS_clone3, path, 88));
	say("mount", syscall(SYS_mount, "none", writable, "tmpfs", 0, 0));
	say("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	say("module", syscall(SYS_init_module, path, 8, ""));
	say("clock", syscall(SYS_clock_settime, 0, path));
	say("seccomp", syscall(SYS_seccomp, 2, 0, path));
	say("type for the user", ioctl(0, TIOCSTI, "x"));
	say("type, other half", syscall(SYS_ioctl, 0, TIOCSTI | 1L << 40, "x"));
	say("namespace by clone", in_child(try_mount_in_namespace) == EPERM ? (errno = EPERM, -1) : 0);
	printf("int 0x80 %ld\n", in_child(try_i386));
	printf("x32 %ld\n", in_child(try_x32));

	say("tcp allowed", tcp(AF_INET, allowed, 0));
	say("tcp6 allowed", tcp(AF_INET6, allowed, 0));
	say("tcp refused", tcp(AF_INET, refused, 0));
	say("tcp6 refused", tcp(AF_INET6, refused, 0));
	say("fast open", tcp(AF_INET, refused, 1));
	say("fast open by sendmsg", tcp(AF_INET, refused, 2));
	say("mptcp", socket(AF_INET, SOCK_STREAM, 262));
	say("sctp", socket(AF_INET, SOCK_STREAM, 132));
	say("udp", socket(AF_INET, SOCK_DGRAM, 0));
	say("udp6", socket(AF_INET6, SOCK_DGRAM, 0));
	say("raw", socket(AF_INET, SOCK_RAW, 1));
	say("packet", socket(AF_PACKET, SOCK_RAW, 0));
	say("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
	say("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
	say("local", socket(AF_UNIX, SOCK_STREAM, 0));
	int pair[2];
	say("datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	say("stream pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	// To a socket that takes connections from everybody.
	struct sockaddr_un s = {.sun_family = AF_UNIX};
	strncpy(s.sun_path, argv[6], sizeof s.sun_path - 1);
	say("connect pair", connect(pair[0], (void *)&s, sizeof s));
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(refused)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	say("bind", bind(fd, (void *)&any, sizeof any));
	say("listen unbound", listen(fd, 1));
	printf("children %d\n", fork() == 0 ? (say("child reads outside", open(outside, O_RDONLY)), _exit(0), 0) : (wait(0), 0));
	return 0;
}
