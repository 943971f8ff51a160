/* Variadic arguments lie in memory in their own size, where x86-64 has registers of 64
 * bits for ints, longs and pointers alike, which programs rely on: syscall(SYS_lseek, fd, 0,
 * SEEK_SET). The caller knows the types, so the headers widen the arguments there. */
#ifndef _BITS_WALI_WIDE_H
#define _BITS_WALI_WIDE_H

#ifdef __cplusplus

/* Functions for C++, where a macro would also take methods and functions of other
 * namespaces for its own. */
extern "C++" {

template<class __type, bool __record = __is_class(__type) || __is_union(__type)>
struct __wali_wide {
	static long __of(__type __x) { return (long)__x; }
};

/* A union stands for the member that the call wants, as it does in a register. */
template<class __type>
struct __wali_wide<__type, true> {
	static long __of(const __type &__x)
	{
		long __r = 0;
		__builtin_memcpy(&__r, &__x, sizeof __x < sizeof __r ? sizeof __x : sizeof __r);
		return __r;
	}
};

}

#else

/* The arguments as an array of so many longs, missing ones being 0. The compiler and not
 * the preprocessor tells where one ends: a compound literal has commas of its own. */
#define __wali_wide(__count, ...) \
	_Pragma("clang diagnostic push") \
	_Pragma("clang diagnostic ignored \"-Wint-conversion\"") \
	_Pragma("clang diagnostic ignored \"-Wconversion\"") \
	_Pragma("clang diagnostic ignored \"-Wsign-conversion\"") \
	_Pragma("clang diagnostic ignored \"-Wexcess-initializers\"") \
	((const long[__count]){ __VA_ARGS__ }) \
	_Pragma("clang diagnostic pop")

#endif

#endif
