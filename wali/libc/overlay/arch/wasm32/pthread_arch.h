/* The thread's descriptor is found through an ordinary thread-local variable. */
extern __attribute__((__visibility__("hidden"))) _Thread_local uintptr_t __wali_tp;

static inline uintptr_t __get_tp()
{
	return __wali_tp;
}
