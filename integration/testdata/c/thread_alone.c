// args: unshare
// args: setns
// args: tasks
// args: exited
// flags: -pthread
// needs: threads fork
// A process whose other threads have ended has one thread, whatever asks for it.
#include "common.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static void *add(void *arg) { return (char *)arg + 1; }

static int tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int status_threads(void)
{
	char line[200];
	int n = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, f)) sscanf(line, "Threads: %d", &n);
	fclose(f);
	return n;
}

static void *look(void *arg)
{
	SHOW(unshare(CLONE_NEWUSER));
	return arg;
}

// threads runs some, and waits until the kernel has none of them any more.
static void threads(int n)
{
	pthread_t t[8];
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], 0, add, &t[i])) puts("no thread");
	for (int i = 0; i < n; i++) {
		void *result;
		pthread_join(t[i], &result);
		if (result != (char *)&t[i] + 1) puts("wrong result");
	}
	while (tasks() != 1) sched_yield();
}

int main(int argc, char **argv)
{
	char how = argv[1][0];
	setvbuf(stdout, 0, _IONBF, 0);
	if (how == 'e') { // the first thread has ended: it still counts
		pthread_t t;
		pthread_create(&t, 0, look, 0);
		pthread_exit(0);
	}
	for (int i = 1; i < 8; i++) {
		threads(i);
		if (how == 't') {
			SHOW(tasks());
			SHOW(status_threads());
		}
		if (how == 's') {
			int fd = MUST(open("/proc/self/ns/mnt", O_RDONLY));
			SHOW(setns(fd, CLONE_NEWNS));
			MUST(close(fd));
		}
		if (how == 'u') {
			pid_t pid = MUST(fork());
			if (pid == 0) {
				threads(2);
				SHOW(unshare(CLONE_NEWUSER));
				threads(2);
				fflush(stdout);
				_exit(0);
			}
			int status;
			MUST(waitpid(pid, &status, 0));
			printf("child: status %#x\n", status);
		}
	}
	if (how == 'u') SHOW(unshare(CLONE_NEWUSER));
	return 0;
}
