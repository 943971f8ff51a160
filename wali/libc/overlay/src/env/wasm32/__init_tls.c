#define SYSCALL_NO_TLS 1
#include <elf.h>
#include <limits.h>
#include <string.h>
#include "pthread_impl.h"
#include "libc.h"
#include "atomic.h"
#include "syscall.h"

volatile int __thread_list_lock;

hidden _Thread_local uintptr_t __wali_tp;

int __init_tp(void *p)
{
	pthread_t td = p;
	td->self = td;
	__wali_tp = (uintptr_t)td;
	libc.can_do_threads = 1;
	td->detach_state = DT_JOINABLE;
	td->tid = __syscall(SYS_set_tid_address, &__thread_list_lock);
	td->locale = &libc.global_locale;
	td->robust_list.head = &td->robust_list.head;
	td->next = td->prev = td;
	return 0;
}

/* A thread's block is its thread-local variables, which the thread itself fills in through
 * the linker's __wasm_init_tls, and then its descriptor. */
void *__copy_tls(unsigned char *mem)
{
	size_t align = libc.tls_align;
	pthread_t td = (void *)((uintptr_t)(mem + libc.tls_size - sizeof(struct pthread)) & -16);
	td->dtv = (void *)(((uintptr_t)mem + align - 1) & -align);
	return td;
}

/* The linker's start function has set up the main thread's variables already. */
static struct pthread main_thread;

void __init_tls(size_t *aux)
{
	size_t align = __builtin_wasm_tls_align();
	if (align < 16) align = 16;
	libc.tls_align = align;
	libc.tls_size = (__builtin_wasm_tls_size() + align + sizeof(struct pthread) + 31) & -16;
	__init_tp(&main_thread);
}
