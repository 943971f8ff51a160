// Exceptions: what handlers see, order of destruction, rethrowing, nesting, depth, threads.
#include <atomic>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Note {
	std::string name;
	explicit Note(std::string n) : name(std::move(n)) { std::printf("+%s ", name.c_str()); }
	~Note() { std::printf("-%s ", name.c_str()); }
};

__attribute__((noinline)) void throwIf(bool wanted, int value)
{
	if (wanted) throw value;
}

// The handler must see the values of the time when it was thrown.
__attribute__((noinline)) int locals(int where)
{
	int i = 10;
	double d = 0.5;
	long long l = 1;
	try {
		i = 20; throwIf(where == 0, 1);
		d = 1.5; throwIf(where == 1, 2);
		try {
			l = 7000000000; throwIf(where == 2, 3);
			i++; throwIf(where == 3, 4);
		} catch (int e) {
			std::printf("inner %d: ", e);
			l += e; throwIf(where == 3, 5);
		}
		for (int k = 0; k < 5; k++) { i += k; throwIf(where == 4 && k == 3, 6); }
	} catch (int e) {
		std::printf("caught %d, ", e);
	}
	std::printf("%d %g %lld\n", i, d, l);
	return i;
}

__attribute__((noinline)) int recurse(int depth)
{
	Note *keep = depth % 1000 == 0 ? new Note(std::to_string(depth)) : nullptr;
	std::unique_ptr<Note> owner(keep);
	if (depth == 0) throw std::runtime_error("bottom");
	return recurse(depth - 1) + 1;
}

struct Base { virtual ~Base() = default; virtual const char *what() const { return "base"; } };
struct Derived : Base { const char *what() const override { return "derived"; } };
struct Other { int x; };

static void hierarchy(int which)
{
	try {
		switch (which) {
		case 0: throw Derived();
		case 1: throw Other{5};
		case 2: throw "literal";
		case 3: throw std::bad_alloc();
		default: throw std::string("string");
		}
	} catch (const Base &b) { std::printf("Base& %s\n", b.what());
	} catch (const Other &o) { std::printf("Other %d\n", o.x);
	} catch (const char *s) { std::printf("char* %s\n", s);
	} catch (const std::exception &e) { std::printf("exception %s\n", e.what());
	} catch (...) { std::printf("something\n"); }
}

struct Thrower { ~Thrower() noexcept(false) { if (!std::uncaught_exceptions()) throw 9; } };

static std::jmp_buf jump;
__attribute__((noinline)) static void jumpOver() { try { std::longjmp(jump, 3); } catch (...) { std::puts("never"); } }

int main()
{
	for (int w = 0; w < 6; w++) locals(w);
	try { recurse(3000); } catch (const std::exception &e) { std::printf("%s\n", e.what()); }
	for (int w = 0; w < 5; w++) hierarchy(w);
	try {
		Note a("a");
		try { Note b("b"); throw 1; } catch (int) { Note c("c"); throw; }
	} catch (int e) { std::printf("rethrown %d\n", e); }
	try { Thrower t; } catch (int e) { std::printf("from a destructor %d\n", e); }
	try { try { throw 1; } catch (...) { std::throw_with_nested(std::runtime_error("outer")); } }
	catch (const std::exception &e) {
		try { std::rethrow_if_nested(e); } catch (int n) { std::printf("%s, nested %d\n", e.what(), n); }
	}
	std::exception_ptr kept;
	try { throw std::out_of_range("kept"); } catch (...) { kept = std::current_exception(); }
	try { std::rethrow_exception(kept); } catch (const std::out_of_range &e) { std::printf("%s\n", e.what()); }

	// Handlers whose frames a jump has left must not catch.
	for (int i = 0; i < 1000; i++) {
		if (setjmp(jump) == 0) jumpOver();
		try { throw i; } catch (int e) { if (e != i) std::puts("wrong"); }
	}
	std::puts("jumped");

	long sum = 0;
	for (int i = 0; i < 100000; i++) {
		try { throwIf(true, i); } catch (int e) { sum += e; }
	}
	std::printf("%ld\n", sum);

	auto future = std::async(std::launch::async, []() -> int { throw std::logic_error("in a thread"); });
	try { future.get(); } catch (const std::logic_error &e) { std::printf("%s\n", e.what()); }
	std::vector<std::thread> threads;
	std::atomic<long> caught = 0;
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&, t] {
			for (int i = 0; i < 5000; i++)
				try { std::string s(100, 'x'); throwIf(i % 2, t); } catch (int e) { caught += e + 1; }
		});
	for (auto &t : threads) t.join();
	std::printf("%ld\n", caught.load());
	try { std::vector<int>().at(3); } catch (const std::out_of_range &) { std::puts("at"); }
	try { std::function<void()>()(); } catch (const std::bad_function_call &) { std::puts("empty function"); }
	try { (void)std::stoi("no number"); } catch (const std::invalid_argument &) { std::puts("stoi"); }
	std::fflush(stdout);
	std::set_terminate([] { std::puts("terminate"); std::fflush(stdout); std::_Exit(77); });
	throw 1;
}
