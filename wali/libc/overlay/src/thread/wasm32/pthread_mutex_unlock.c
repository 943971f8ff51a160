#include "pthread_impl.h"

/* musl's function for mutexes of the other types: recursive, checking errors, robust, inheriting priority. */
#undef weak_alias
#define weak_alias(old, new)
#define __pthread_mutex_unlock __pthread_mutex_unlock_any
hidden int __pthread_mutex_unlock_any(pthread_mutex_t *);
#include "../pthread_mutex_unlock.c"
#undef __pthread_mutex_unlock

static __attribute__((__noinline__)) int wake(volatile int *lock, int type)
{
	__wake(lock, 1, (type & 128) ^ 128);
	return 0;
}

/* Normal mutexes: the engine saves in a function's prologue what any of its paths needs, so the
 * common one has a function of its own. */
int __pthread_mutex_unlock(pthread_mutex_t *m)
{
	int type = m->_m_type;
	if (type & 15) return __pthread_mutex_unlock_any(m);
	int waiters = m->_m_waiters;
	/* The mutex may be gone once it is unlocked. */
	if (a_swap(&m->_m_lock, 0) < 0 || waiters) return wake(&m->_m_lock, type);
	return 0;
}

extern __typeof(__pthread_mutex_unlock) pthread_mutex_unlock __attribute__((__weak__, __alias__("__pthread_mutex_unlock")));
