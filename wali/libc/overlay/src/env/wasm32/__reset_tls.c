#include "pthread_impl.h"

void __wasm_init_tls(void *);

/* Thread-local variables get their first values again, except for the one that says where
 * the thread's descriptor is: a thread that calls the function of SIGEV_THREAD serves
 * several calls, each as a thread of its own would. */
void __reset_tls()
{
	pthread_t self = __pthread_self();
	if (!self->dtv) return;
	__wasm_init_tls(self->dtv);
	__wali_tp = (uintptr_t)self;
}
