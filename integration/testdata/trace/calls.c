// Makes calls for the tracer to show. They go through syscall(), so that both C
// libraries make the same ones; what lies between the two calls of mark() is
// compared with what strace shows of the native program.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void mark(void) { syscall(SYS_write, -1, "mark", 4); }

static void files(void)
{
	struct stat st;
	char buf[100];
	int fd = syscall(SYS_openat, AT_FDCWD, "file", O_RDWR | O_CREAT | O_TRUNC, 0640);
	syscall(SYS_openat, AT_FDCWD, "not\there \"\\\001\0019\377", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	syscall(SYS_openat, AT_FDCWD, ".", O_TMPFILE | O_WRONLY, 0600);
	syscall(SYS_openat, fd, "x", O_RDONLY | O_PATH);
	syscall(SYS_write, fd, "hello\n\001\0023\377 0123456789012345678901234567890", 42);
	syscall(SYS_write, fd, "", 0);
	syscall(SYS_lseek, fd, 0L, SEEK_SET);
	syscall(SYS_read, fd, buf, 100);
	syscall(SYS_read, fd, buf, 100);
	syscall(SYS_read, 999, buf, 100);
	syscall(SYS_pread64, fd, buf, 10, 2L);
	struct iovec v[2] = {{"abc", 3}, {"defg", 4}};
	syscall(SYS_writev, fd, v, 2);
	syscall(SYS_lseek, fd, -5L, SEEK_END);
	v[0].iov_base = buf, v[1].iov_base = buf + 50;
	syscall(SYS_readv, fd, v, 2);
	syscall(SYS_newfstatat, AT_FDCWD, "file", &st, 0);
	syscall(SYS_newfstatat, AT_FDCWD, "/dev/null", &st, AT_SYMLINK_NOFOLLOW);
	syscall(SYS_newfstatat, AT_FDCWD, "missing", &st, 0);
	syscall(SYS_fstat, fd, &st);
	syscall(SYS_faccessat, AT_FDCWD, "file", R_OK | W_OK);
	syscall(SYS_faccessat, AT_FDCWD, "file", F_OK);
	syscall(SYS_fcntl, fd, F_GETFL, 0L);
	syscall(SYS_fcntl, fd, F_SETFL, (long)(O_NONBLOCK | O_APPEND));
	syscall(SYS_fcntl, fd, F_SETFD, (long)FD_CLOEXEC);
	syscall(SYS_fcntl, fd, F_GETFD, 0L);
	syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 30L);
	struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
	syscall(SYS_fcntl, fd, F_SETLK, &lock);
	syscall(SYS_fcntl, fd, F_GETLK, &lock);
	syscall(SYS_flock, fd, LOCK_EX | LOCK_NB);
	syscall(SYS_dup3, fd, 31, O_CLOEXEC);
	syscall(SYS_fchmod, fd, 0600);
	syscall(SYS_fchown, fd, -1, -1);
	syscall(SYS_ftruncate, fd, 3L);
	syscall(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, 0L, 100L);
	syscall(SYS_mkdirat, AT_FDCWD, "folder", 0755);
	syscall(SYS_mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0);
	syscall(SYS_symlinkat, "target", AT_FDCWD, "link");
	syscall(SYS_readlinkat, AT_FDCWD, "link", buf, 100);
	syscall(SYS_linkat, AT_FDCWD, "file", AT_FDCWD, "hard", 0);
	syscall(SYS_renameat2, AT_FDCWD, "hard", AT_FDCWD, "file", 1 /* RENAME_NOREPLACE */);
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
	syscall(SYS_utimensat, AT_FDCWD, "file", times, AT_SYMLINK_NOFOLLOW);
	syscall(SYS_unlinkat, AT_FDCWD, "hard", 0);
	syscall(SYS_unlinkat, AT_FDCWD, "folder", AT_REMOVEDIR);
	syscall(SYS_umask, 022);
	syscall(SYS_fsync, fd);
	syscall(SYS_chdir, (char *)1);
	syscall(SYS_close, fd);
	syscall(SYS_close, 31);
	syscall(SYS_close, 30);
}

static void sockets(void)
{
	int pair[2], one = 1;
	char buf[100];
	socklen_t size = sizeof one;
	syscall(SYS_pipe2, pair, O_CLOEXEC | O_NONBLOCK);
	syscall(SYS_close, pair[0]);
	syscall(SYS_close, pair[1]);
	syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	int s = syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
	syscall(SYS_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	syscall(SYS_setsockopt, s, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
	syscall(SYS_getsockopt, s, SOL_SOCKET, SO_ERROR, &one, &size);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	syscall(SYS_bind, s, &in, sizeof in);
	syscall(SYS_listen, s, 5);
	syscall(SYS_accept4, s, NULL, NULL, SOCK_NONBLOCK);
	in.sin_family = AF_UNIX;
	syscall(SYS_connect, pair[0], &in, 2);
	struct sockaddr_un un = {AF_UNIX, "/nonexistent/socket"};
	int u = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
	syscall(SYS_connect, u, &un, sizeof un);
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = {{{0xfe, 0x80, [9] = 1, [15] = 2}}}};
	syscall(SYS_connect, u, &in6, sizeof in6);
	syscall(SYS_sendto, pair[0], "data", 4, MSG_NOSIGNAL, NULL, 0);
	syscall(SYS_recvfrom, pair[1], buf, 100, MSG_DONTWAIT, NULL, NULL);
	struct iovec v = {buf, 2};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	syscall(SYS_sendmsg, pair[0], &m, 0);
	struct pollfd p[2] = {{pair[1], POLLIN | POLLOUT}, {-1}};
	syscall(SYS_poll, p, 2L, 0);
	syscall(SYS_poll, p + 1, 1L, 1);
	syscall(SYS_recvmsg, pair[1], &m, MSG_CMSG_CLOEXEC);
	int e = syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
	struct epoll_event event = {EPOLLOUT | EPOLLET, {.u64 = 7}};
	syscall(SYS_epoll_ctl, e, EPOLL_CTL_ADD, pair[0], &event);
	syscall(SYS_epoll_pwait, e, &event, 1, 0, NULL, 8);
	syscall(SYS_epoll_ctl, e, EPOLL_CTL_DEL, pair[0], NULL);
	syscall(SYS_shutdown, s, SHUT_RDWR);
}

static void memory_and_limits(void)
{
	char *p = (char *)syscall(SYS_mmap, NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	syscall(SYS_mprotect, p, 4096, PROT_READ);
	syscall(SYS_mprotect, p, 4096, PROT_NONE);
	syscall(SYS_madvise, p, 4096, MADV_DONTNEED);
	syscall(SYS_munmap, p, 8192);
	struct rlimit limit = {100, 200};
	syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL);
	syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &limit);
	struct utsname name;
	syscall(SYS_uname, &name);
	syscall(SYS_prctl, PR_SET_NAME, "name", 0L, 0L, 0L);
	char buf[8];
	syscall(SYS_getrandom, buf, 0, GRND_NONBLOCK);
	struct winsize w;
	syscall(SYS_ioctl, 0, TIOCGWINSZ, &w);
	syscall(SYS_ioctl, 0, TCGETS, &w);
	syscall(SYS_ioctl, 0, 0x1234, NULL);
}

static void times_(void)
{
	struct timespec t = {0, 1000};
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
	int fd = syscall(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec timer = {{0, 0}, {100, 5}};
	syscall(SYS_timerfd_settime, fd, 0, &timer, NULL);
	struct itimerval val = {{0, 0}, {100, 0}};
	syscall(SYS_setitimer, ITIMER_REAL, &val, NULL);
	val.it_value.tv_sec = 0;
	syscall(SYS_setitimer, ITIMER_REAL, &val, NULL);
	syscall(SYS_eventfd2, 3, EFD_NONBLOCK | EFD_SEMAPHORE);
	uint64_t set = 1 << (SIGINT - 1);
	syscall(SYS_signalfd4, -1, &set, 8, SFD_CLOEXEC);
	fd = syscall(SYS_inotify_init1, IN_NONBLOCK);
	syscall(SYS_inotify_add_watch, fd, ".", IN_CREATE | IN_DELETE);
	syscall(SYS_nanosleep, &t, NULL);
}

static void handler(int sig) { (void)sig; }

static void signals_and_processes(void)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER};
	sigaddset(&act.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &act, NULL);
	uint64_t set = 1 << (SIGTERM - 1) | 1 << (SIGUSR2 - 1);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &set, 8);
	syscall(SYS_kill, getpid(), SIGUSR1);
	syscall(SYS_kill, getpid(), 0);
	int status;
	int child = syscall(SYS_fork);
	if (child == 0)
		syscall(SYS_exit_group, 3);
	syscall(SYS_wait4, child, &status, 0, NULL);
	child = syscall(SYS_fork);
	if (child == 0) {
		syscall(SYS_kill, getpid(), SIGKILL);
		for (;;)
			pause();
	}
	syscall(SYS_wait4, child, &status, WUNTRACED, NULL);
	syscall(SYS_wait4, -1, &status, WNOHANG, NULL);
	char *argv[] = {"missing", "a \"b\"", NULL}, *envp[] = {"A=B", NULL};
	syscall(SYS_execve, "/missing", argv, envp);
}

int main(void)
{
	mark();
	files();
	sockets();
	memory_and_limits();
	times_();
	signals_and_processes();
	mark();
	return 7;
}
