// processes fork COUNT MEGABYTES: prints the median time in microseconds of fork, exit and
// wait, in a process that has touched so much memory.
// processes exec COUNT PROGRAM [ARGUMENT...]: the same with an execve in the child.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	if (argc < 4) return 2;
	int exec = !strcmp(argv[1], "exec"), count = atoi(argv[2]), status;
	double *times = calloc(count, sizeof *times);
	if (!exec) {
		size_t size = (size_t)atoi(argv[3]) << 20;
		char *memory = malloc(size);
		memset(memory, 1, size);
	}
	for (int i = 0; i < count; i++) {
		double start = now();
		pid_t pid = fork();
		if (pid < 0) return 1;
		if (pid == 0) {
			if (exec) execv(argv[3], argv + 3);
			_exit(exec);
		}
		if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
		times[i] = now() - start;
	}
	qsort(times, count, sizeof *times, compare);
	printf("%.1f\n", times[count / 2]);
	return 0;
}
