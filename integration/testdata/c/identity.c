// Who and where a process is: ids, limits, system and terminal questions, random bytes.
#include "common.h"
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
	SHOW(getpid() == syscall(SYS_getpid));
	SHOW(syscall(SYS_gettid) == getpid());
	SHOW(getppid() > 0);
	SHOW(getuid());
	SHOW(geteuid());
	SHOW(getgid());
	SHOW(getegid());
	SHOW(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
	SHOW(getauxval(AT_PAGESZ));
	SHOW(getauxval(AT_SECURE));
	SHOW(getauxval(AT_RANDOM) != 0);
	SHOW(getauxval(AT_CLKTCK));
	SHOW(getpgid(0) == getpgrp());
	SHOW(getsid(0) == getsid(getpid()));
	SHOW(getpgid(999999999));
	uid_t r, e, s;
	SHOW(getresuid(&r, &e, &s));
	printf("%d %d\n", r == getuid(), s == geteuid());
	SHOW(setuid(getuid()));
	SHOW(setgid(getgid()));
	SHOW(setreuid(-1, -1));
	SHOW(getgroups(0, 0) >= 0);
	struct passwd *pw = getpwuid(0);
	printf("%s %s\n", pw ? pw->pw_name : "none", pw ? pw->pw_dir : "none");
	struct group *gr = getgrgid(0);
	printf("%s\n", gr ? gr->gr_name : "none");
	printf("%s\n", getpwnam("nobody") ? "nobody" : "none");

	struct rlimit rl;
	SHOW(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = 200;
	SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	SHOW(getrlimit(RLIMIT_NOFILE, &rl));
	printf("%llu\n", (unsigned long long)rl.rlim_cur);
	SHOW(sysconf(_SC_OPEN_MAX));
	SHOW(dup2(0, 199));
	SHOW(dup2(0, 200));
	SHOW(fcntl(0, F_DUPFD, 200));
	rl = (struct rlimit){ 10, 5 };
	SHOW(setrlimit(RLIMIT_CORE, &rl));
	SHOW(getrlimit(99, &rl));
	SHOW(prlimit(0, RLIMIT_FSIZE, 0, &rl));
	printf("%d\n", rl.rlim_cur == RLIM_INFINITY);
	SHOW(sysconf(_SC_PAGESIZE));
	SHOW(sysconf(_SC_CLK_TCK));
	SHOW(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	SHOW(sysconf(_SC_PHYS_PAGES) > 1000);
	cpu_set_t cpus;
	SHOW(sched_getaffinity(0, sizeof cpus, &cpus));
	SHOW(CPU_COUNT(&cpus) >= 1);
	SHOW(sched_yield());
	SHOW(getpriority(PRIO_PROCESS, 0));
	SHOW(nice(0));
	SHOW(setpriority(PRIO_PROCESS, 0, 1));
	SHOW(getpriority(PRIO_PROCESS, 0));

	struct utsname u;
	char host[100] = "";
	SHOW(uname(&u));
	SHOW(gethostname(host, sizeof host));
	printf("%s %d %d\n", u.sysname, !strcmp(u.nodename, host), u.release[0] >= '1');
	struct sysinfo si;
	SHOW(sysinfo(&si));
	printf("%d %d %d\n", si.uptime > 0, si.totalram > 0, si.procs > 0);
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	SHOW(getrandom(a, sizeof a, 0));
	SHOW(getentropy(b, sizeof b));
	printf("random %d\n", memcmp(a, b, sizeof a) != 0);
	SHOW(getentropy(b, 300));
	SHOW(getrandom(a, 1, 0xffff));

	char name[20] = "";
	SHOW(prctl(PR_SET_NAME, "some-name", 0, 0, 0));
	SHOW(prctl(PR_GET_NAME, name, 0, 0, 0));
	printf("%s\n", name);
	SHOW(prctl(PR_GET_DUMPABLE));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(12345, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_PDEATHSIG, 0));

	struct winsize ws;
	struct termios t;
	SHOW(isatty(0));
	SHOW(ioctl(0, TIOCGWINSZ, &ws));
	SHOW(tcgetattr(0, &t));
	SHOW(ioctl(-1, FIONREAD, &r));
	int flag = 1, fd = MUST(open("/dev/null", O_RDWR));
	SHOW(ioctl(fd, FIONBIO, &flag));
	SHOW(fcntl(fd, F_GETFL) & O_NONBLOCK);
	SHOW(ioctl(fd, FIOCLEX));
	SHOW(fcntl(fd, F_GETFD));
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty >= 0) {
		SHOW(grantpt(pty));
		SHOW(unlockpt(pty));
		int tty = open(ptsname(pty), O_RDWR | O_NOCTTY);
		SHOW(isatty(tty));
		SHOW(tcgetattr(tty, &t));
		printf("%d %d\n", (t.c_lflag & ICANON) != 0, t.c_cc[VINTR]);
		cfmakeraw(&t);
		SHOW(tcsetattr(tty, TCSANOW, &t));
		ws = (struct winsize){ 40, 120, 0, 0 };
		SHOW(ioctl(tty, TIOCSWINSZ, &ws));
		memset(&ws, 0, sizeof ws);
		SHOW(ioctl(pty, TIOCGWINSZ, &ws));
		printf("%d %d\n", ws.ws_row, ws.ws_col);
		SHOW(write(pty, "typed\r", 6));
		SHOW(read(tty, name, sizeof name));
		SHOW(write(tty, "out\n", 4));
		SHOW(read(pty, name, sizeof name));
		SHOW(tcflush(tty, TCIOFLUSH));
	} else {
		printf("no pty: %s\n", errno_name(errno));
	}
	SHOW(access("/proc/self/status", R_OK));
	SHOW(chroot("missing"));
	SHOW(syscall(SYS_getpid, 0) == getpid());
	volatile long nr = SYS_getppid;
	SHOW(syscall(nr) == getppid());
	SHOW(syscall(100000));
	return 0;
}
