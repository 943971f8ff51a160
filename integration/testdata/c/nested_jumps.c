// needs: signals
// Handlers interrupted by handlers, three deep, and left by a jump, as fast as a timer can.
#include "common.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

enum { levels = 3, rounds = 400 };

static sigjmp_buf out;
static volatile int depth;
static volatile unsigned spun;

static void tick(int sig)
{
	if (++depth >= levels) siglongjmp(out, 7);
	for (;;) spun++;
}

int main(void)
{
	struct sigaction a = { .sa_handler = tick, .sa_flags = SA_NODEFER };
	sigset_t alarm, mask;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	MUST(sigaction(SIGALRM, &a, 0));
	MUST(sigprocmask(SIG_BLOCK, &alarm, 0));
	MUST(setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 500 }, { 0, 500 } }, 0));
	volatile int jumps = 0;
	while (jumps < rounds) {
		depth = 0;
		int v = sigsetjmp(out, 1);
		if (v) {
			jumps++;
			if (v != 7) printf("jump %d gave %d\n", jumps, v);
			continue;
		}
		MUST(sigprocmask(SIG_UNBLOCK, &alarm, 0));
		for (;;) spun++;
	}
	MUST(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, 0));
	MUST(sigprocmask(SIG_SETMASK, 0, &mask));
	printf("%d jumps, SIGALRM blocked %d, spun %d\n", jumps, sigismember(&mask, SIGALRM), spun > 0);
	return 0;
}
