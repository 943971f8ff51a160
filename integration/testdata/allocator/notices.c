// What the allocator must notice, each in a process of its own: prints what it did not.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile sink;

static void *get(size_t n) { void *p = malloc(n); sink = p; return p; }
static void put(void *p) { sink = p; free(sink); }

static void twice(size_t n) { void *p = get(n); get(n); put(p); put(p); }

static void twice_between(size_t n)
{
	void *p = get(n), *q = get(n);
	get(n);
	put(p);
	put(q);
	put(p);
}

// Far more are freed in between than a thread keeps.
static void twice_late(size_t n)
{
	static void *p[500];
	for (int i = 0; i < 500; i++) p[i] = get(n);
	for (int i = 0; i < 499; i++) put(p[i]);
	put(p[3]);
}

static void realloc_freed(size_t n) { void *p = get(n); get(n); put(p); sink = realloc(p, n + 1); }
static void overrun(size_t n) { char *p = get(n); p[n] = 'x'; put(p); }
static void overrun_realloc(size_t n) { char *p = get(n); p[n] = 'x'; sink = realloc(p, n + 100); }
static void inner(size_t n) { put((char *)get(n) + 16); }
static void stack_address(size_t n) { char here[64]; (void)n; put((char *)(((unsigned long)here + 31) & -16ul)); }

int main(void)
{
	static const struct { const char *name; void (*f)(size_t); } mistakes[] = {
		{ "freed twice", twice }, { "freed twice, with another between", twice_between }, { "freed twice, much later", twice_late },
		{ "reallocated after free", realloc_freed }, { "overrun, seen by free", overrun }, { "overrun, seen by realloc", overrun_realloc },
		{ "freed in the middle", inner }, { "freed what is on the stack", stack_address },
	};
	static const size_t sizes[] = { 20, 100, 500, 1500, 2028, 5000, 200000 };
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			fflush(stdout);
			pid_t child = fork();
			if (child < 0) return 1;
			if (!child) {
				// The cache of this thread is in use already.
				for (int j = 0; j < 5; j++) put(get(sizes[k]));
				mistakes[i].f(sizes[k]);
				_exit(0);
			}
			int status;
			waitpid(child, &status, 0);
			if (!WIFSIGNALED(status)) printf("%s, %zu bytes: not noticed\n", mistakes[i].name, sizes[k]);
		}
	puts("done");
	return 0;
}
