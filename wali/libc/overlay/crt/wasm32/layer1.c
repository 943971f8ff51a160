/* The entry of a layer: what the engine calls before anything else of it, and in each further
 * thread. A layer has the environment of the application, and no arguments before layer_main. */
#include "vectors.h"
#include "pthread_impl.h"
#include "libc.h"
#include "atomic.h"

void __init_libc(char **, char *);
void __wasm_call_ctors(void);
void __wasm_init_tls(void *);

/* envp, 0, auxv, and after its final AT_NULL the bytes of AT_RANDOM. */
__attribute__((__noinline__))
static void start(void)
{
	char *env;
	size_t aux[2*AUXV_MAX];
	size_t env_size = read_environ(&env);
	size_t naux = read_auxv(aux);
	size_t envc = 0;

	for (size_t i = 0; i < env_size; i++) if (!env[i]) envc++;
	size_t words = envc + 1 + 2*(naux + 2);
	size_t *vector = take(words*sizeof *vector + 16 + 16);
	char *random = (char *)(((uintptr_t)(vector + words) + 15) & -16);
	size_t *v = vector;

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
	*v++ = AT_NULL;
	*v++ = 0;
	__init_libc((char **)vector, 0);
}

__attribute__((__export_name__("_initialize")))
void _initialize(void)
{
	start();
	__wasm_call_ctors();
}

/* The engine has given the thread a stack. Its variables lie in a block that is never given
 * back: the engine uses the instance again for another thread, which is not the first then. */
__attribute__((__noinline__))
static struct pthread *make_thread(void)
{
	long r = __syscall(SYS_mmap, 0, libc.tls_size, PROT_READ|PROT_WRITE,
		MAP_PRIVATE|MAP_ANONYMOUS, -1, 0L);
	if (r < 0 && r > -4096) die();
	struct pthread *td = __copy_tls((void *)(uintptr_t)r);
	td->self = td;
	td->next = td->prev = td;
	td->detach_state = DT_DETACHED;
	td->locale = &libc.global_locale;
	td->robust_list.head = &td->robust_list.head;
	libc.need_locks = 1;
	a_inc(&libc.threads_minus_1);
	return td;
}

/* Apart from their caller, so that no address in the old thread-local block is kept. */
__attribute__((__noinline__))
static struct pthread *present_thread(void)
{
	return __pthread_self();
}

__attribute__((__noinline__))
static void become(struct pthread *td)
{
	__wali_tp = (uintptr_t)td;
	td->tid = __syscall(SYS_gettid);
}

__attribute__((__export_name__("layer_thread")))
void __layer_thread(int first)
{
	struct pthread *td = first ? make_thread() : present_thread();
	__wasm_init_tls(td->dtv);
	become(td);
}
