// needs: fork exec signals
// Signals rain on a whole process group while its members fork, execute and exit. Those that
// are caught must not disturb, those that are ignored by default must not kill what has just
// been executed, and every exit status arrives.
#include "common.h"
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { rounds = 150 };

static volatile sig_atomic_t caught;

static void count(int sig) { caught++; }

static pid_t wait_for(pid_t pid, int *status)
{
	pid_t r;
	while ((r = waitpid(pid, status, 0)) == -1 && errno == EINTR);
	return r;
}

int main(int argc, char **argv)
{
	char self[PATH_MAX] = "";
	struct sigaction act = {.sa_handler = count};
	int status, bad = 0;

	if (argc > 1) return atoi(argv[1]);
	readlink("/proc/self/exe", self, sizeof self - 1);
	setpgid(0, 0);
	sigaction(SIGURG, &act, 0);
	sigaction(SIGWINCH, &act, 0);
	act.sa_flags = SA_RESTART;
	sigaction(SIGCONT, &act, 0);

	pid_t parent = getpid(), rain = fork();
	if (rain == 0) {
		signal(SIGURG, SIG_IGN);
		signal(SIGWINCH, SIG_IGN);
		signal(SIGCONT, SIG_IGN);
		while (getppid() == parent) {
			kill(0, SIGURG);
			kill(0, SIGWINCH);
			kill(0, SIGCONT);
			usleep(50);
		}
		_exit(0);
	}
	for (int i = 0; i < rounds; i++) {
		char code[8];
		pid_t child = fork();
		sprintf(code, "%d", i % 100);
		if (child == 0) {
			switch (i % 3) {
			case 0: _exit(i % 100);
			case 1: exit(i % 100);
			default: execl(self, "storm", code, (char *)0);
			}
			_exit(127);
		}
		if (child == -1 || wait_for(child, &status) != child || !WIFEXITED(status) || WEXITSTATUS(status) != i % 100) {
			printf("round %d: status %#x\n", i, status);
			bad++;
		}
	}
	kill(rain, SIGKILL);
	wait_for(rain, &status);
	printf("%d rounds, %d bad, signals %s\n", rounds, bad, caught ? "caught" : "never caught");
	return bad != 0;
}
