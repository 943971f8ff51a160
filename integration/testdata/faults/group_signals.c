// Signals of faults that another process sends with kill, to a process whose first thread has
// ended: each runs its handler in the thread that is left, once.
// flags: -pthread
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { rounds = 20, patience = 5000 };

static volatile sig_atomic_t handled, code, sender;
static pthread_t first;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	code = info->si_code;
	sender = info->si_pid;
	handled++;
}

static void *rest(void *unused)
{
	pthread_join(first, 0);
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	for (unsigned s = 0; s < sizeof signals / sizeof *signals; s++) {
		int right = 0;
		handled = 0;
		for (int i = 0; i < rounds; i++) {
			pid_t child = fork();
			if (!child) _exit(kill(getppid(), signals[s]) ? 1 : 0);
			int status;
			waitpid(child, &status, 0);
			// Natively it has come by now.
			for (int tries = 0; handled <= i && tries < patience && status == 0; tries++)
				nanosleep(&(struct timespec){ 0, 1000000 }, 0);
			if (handled <= i) break;
			right += code == SI_USER && sender == child;
		}
		printf("signal %d: %d of %d came, %d with their sender\n", signals[s], (int)handled, rounds, right);
	}
	fflush(stdout);
	_exit(0);
	return unused;
}

int main(void)
{
	struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	for (int sig = 1; sig < 16; sig++)
		if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL) sigaction(sig, &act, 0);
	first = pthread_self();
	pthread_t t;
	if (pthread_create(&t, 0, rest, 0)) return 1;
	pthread_exit(0);
}
