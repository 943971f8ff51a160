// needs: fork signals
// Two processes send a signal each, and again as soon as its handler says that it has run:
// so signals arrive just when handlers end, of the other signal or their own. Outside of
// handlers neither may ever be found blocked.
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int first[2], second[2];
static volatile unsigned spin;

static void on_first(int sig) { write(first[1], "", 1); }
static void on_second(int sig) { write(second[1], "", 1); }

static void sender(int sig, int fd)
{
	pid_t parent = getpid();
	char c;
	if (fork()) return;
	for (int i = 0; i < 3000; i++) {
		kill(parent, sig);
		read(fd, &c, 1);
	}
	_exit(0);
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_first};
	sigset_t now;
	int children = 2;

	sigaction(SIGUSR1, &act, 0);
	act.sa_handler = on_second;
	sigaction(SIGUSR2, &act, 0);
	pipe(first);
	pipe(second);
	sender(SIGUSR1, first[0]);
	sender(SIGUSR2, second[0]);
	while (children) {
		for (int i = 0; i < 100; i++) spin++;
		sigprocmask(SIG_BLOCK, 0, &now);
		if (sigismember(&now, SIGUSR1) || sigismember(&now, SIGUSR2)) {
			puts("a handler's mask was left in force");
			return 1;
		}
		pid_t ended = waitpid(-1, 0, WNOHANG);
		if (ended < 0) return 2;
		if (ended > 0) children--;
	}
	puts("none was left blocked");
	return 0;
}
