/* The entry of a program: it lays argv, envp and the auxiliary vector out as Linux does on
 * a new stack and enters musl's own __libc_start_main, so that everything after is musl's. */
#include "vectors.h"

int __wali_init(void) __WALI_IMPORT("__init");
int __wali_argc(void) __WALI_IMPORT("__cl_get_argc");
int __wali_argv_len(int) __WALI_IMPORT("__cl_get_argv_len");
int __wali_copy_argv(char *, int) __WALI_IMPORT("__cl_copy_argv");

int __main_argc_argv(int, char **);
int __libc_start_main(int (*)(int, char **, char **), int, char **,
	void (*)(), void (*)(), void (*)());

void __wasm_call_ctors(void);

/* The linker collects the constructors in a function of its own instead of an array. */
hidden void __libc_start_init(void)
{
	__wasm_call_ctors();
}

static int call_main(int argc, char **argv, char **envp)
{
	return __main_argc_argv(argc, argv);
}

__attribute__((__noinline__))
static void start(void)
{
	char *env;
	size_t aux[2*AUXV_MAX];
	size_t env_size = read_environ(&env);
	size_t naux = read_auxv(aux);
	int argc = __wali_argc();
	size_t envc = 0, size = 0;

	for (size_t i = 0; i < env_size; i++) if (!env[i]) envc++;
	for (int i = 0; i < argc; i++) size += __wali_argv_len(i) + 1;

	/* argv, 0, envp, 0, auxv, and after its final AT_NULL the bytes of AT_RANDOM. */
	size_t words = argc + 1 + envc + 1 + 2*(naux + 3);
	size_t *vector = take(words*sizeof *vector + 16 + 16);
	char *random = (char *)(((uintptr_t)(vector + words) + 15) & -16);
	char *strings = take(size + 1);
	size_t *v = vector;

	for (int i = 0; i < argc; i++) {
		int len = __wali_argv_len(i);
		__wali_copy_argv(strings, i);
		strings[len] = 0;
		*v++ = (size_t)strings;
		strings += len + 1;
	}
	*v++ = 0;
	for (size_t i = 0, begin = 0; i < env_size; i++) {
		if (env[i]) continue;
		*v++ = (size_t)(env + begin);
		begin = i + 1;
	}
	*v++ = 0;
	for (size_t i = 0; i < 2*naux; i++) *v++ = aux[i];
	if (__syscall(SYS_getrandom, random, 16, 0) == 16) {
		*v++ = AT_RANDOM;
		*v++ = (size_t)random;
	}
	if (argc) {
		*v++ = AT_EXECFN;
		*v++ = vector[0];
	}
	*v++ = AT_NULL;
	*v++ = 0;

	__libc_start_main(call_main, argc, (char **)vector, 0, 0, 0);
}

__attribute__((__export_name__("_start")))
void _start(void)
{
	if (__wali_init()) die();
	start();
}
