// The engine's part of exceptions, without a C++ library: a runtime of a few lines.
#include <setjmp.h>
#include <stdio.h>

__asm__(".tagtype __cpp_exception i32\n.globl __cpp_exception\n__cpp_exception:\n");

extern "C" {
void *__cxa_begin_catch(void *p) { return p; }
void __cxa_end_catch() {}
int __gxx_personality_wasm0(...) { return 0; }
int _Unwind_CallPersonality(void *) { return 0; }
__thread struct { unsigned index, lsda, selector; } __wasm_lpad_context;
}
namespace std { void terminate() noexcept { __builtin_trap(); } }

static int object;

__attribute__((noinline)) static void throwIf(bool wanted)
{
	if (wanted) __builtin_wasm_throw(0, &object);
}

// A handler sees the locals as they were when the exception was thrown.
__attribute__((noinline)) static void locals(int when)
{
	int i = 0;
	double d = 1;
	long l = 5;
	try {
		i = 1; throwIf(when == 0);
		i = 2; d = 2.5; throwIf(when == 1);
		try {
			i = 3; l = 99; throwIf(when == 2);
		} catch (...) {
			d += i; throwIf(true);
		}
		for (i = 4; i < 10; i++) throwIf(when == i);
	} catch (...) {
		printf("caught: ");
	}
	printf("%d %g %ld\n", i, d, l);
}

struct Note {
	const char *text;
	~Note() { printf("%s ", text); }
};

__attribute__((noinline)) static int recurse(int depth)
{
	Note a{depth % 1000 ? "" : "a"}, b{depth % 1000 ? "" : "b"};
	throwIf(depth == 0);
	return recurse(depth - 1) + 1;
}

static jmp_buf buffer;

__attribute__((noinline)) static void leave()
{
	try { longjmp(buffer, 1); } catch (...) { puts("never"); }
}

int main()
{
	for (int when = 0; when < 8; when++) locals(when);
	try { recurse(2000); } catch (...) { puts("from the bottom"); }
	long sum = 0;
	for (int i = 0; i < 200000; i++) {
		if (i % 1000 == 0 && setjmp(buffer) == 0) leave();
		try { throwIf(i % 2); sum += i; } catch (...) { sum -= i; }
	}
	printf("%ld\n", sum);
	fflush(stdout);
	throwIf(true);
}
