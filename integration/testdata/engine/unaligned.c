// An atomic access of the kind that the first argument names, to an address that is a multiple
// of its size (aligned) or not.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static union {
	char bytes[64];
	int64_t align;
} area;

#define OPS(T) \
	__attribute__((noinline)) static void load_##T(volatile T *p) { printf("%d\n", (int)__atomic_load_n(p, __ATOMIC_SEQ_CST)); } \
	__attribute__((noinline)) static void store_##T(volatile T *p) { __atomic_store_n(p, 1, __ATOMIC_SEQ_CST); } \
	__attribute__((noinline)) static void add_##T(volatile T *p) { printf("%d\n", (int)__atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST)); } \
	__attribute__((noinline)) static void swap_##T(volatile T *p) { printf("%d\n", (int)__atomic_exchange_n(p, 1, __ATOMIC_SEQ_CST)); } \
	__attribute__((noinline)) static void compare_##T(volatile T *p) \
	{ \
		T expected = 0; \
		printf("%d\n", __atomic_compare_exchange_n(p, &expected, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)); \
	}
OPS(int16_t)
OPS(int32_t)
OPS(int64_t)

int main(int argc, char **argv)
{
	// The compiler must not see whether it is aligned.
	char *p = area.bytes + 8 + (strcmp(argv[2], "aligned") ? argc - 2 : 0);
#define RUN(op, T) if (!strcmp(argv[1], #op "_" #T)) op##_##T((volatile T *)p);
#define ALL(T) RUN(load, T) RUN(store, T) RUN(add, T) RUN(swap, T) RUN(compare, T)
	ALL(int16_t) ALL(int32_t) ALL(int64_t)
	puts("done");
}
