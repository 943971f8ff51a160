// Calls that take the size of a signal set refuse every size but the kernel's.
#include "common.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TRY(call) (errno = 0, printf("%s: %ld", #call, (long)(call)), printf(" %s\n", errno_name(errno)))

int main(void)
{
	static const int sizes[] = {0, 1, 4, 7, 9, 16, 128, -1};
	unsigned long long set[16] = {0}, old[16];
	struct timespec now = {0, 0};
	struct epoll_event event;
	int polled = epoll_create1(0);

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		long size = sizes[i];
		long pair[2] = {(long)set, size};
		printf("size %ld\n", size);
		TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, set, old, size));
		TRY(syscall(SYS_rt_sigprocmask, 77, set, old, size));
		TRY(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, size));
		TRY(syscall(SYS_rt_sigsuspend, set, size));
		TRY(syscall(SYS_rt_sigtimedwait, set, 0, &now, size));
		TRY(syscall(SYS_ppoll, 0, 0, &now, set, size));
		TRY(syscall(SYS_pselect6, 0, 0, 0, 0, &now, pair));
		TRY(syscall(SYS_epoll_pwait, polled, &event, 1, 0, set, size));
		TRY(syscall(SYS_signalfd4, -1, set, size, 0));
	}
	// This one takes smaller ones, for programs of other architectures.
	for (long size = 9; size <= 16; size += 7) TRY(syscall(SYS_rt_sigpending, old, size));
	TRY(syscall(SYS_rt_sigpending, old, -1));
	old[0] = ~0ULL;
	TRY(syscall(SYS_rt_sigpending, old, 4));
	printf("%llx\n", old[0]);
	return 0;
}
