// Exceptions that nobody catches end the program by std::terminate.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

__attribute__((noinline)) static void fail() { throw std::runtime_error("nobody wants me"); }
static void strict() noexcept { fail(); }
struct Worse { ~Worse() { fail(); } };

int main(int, char **argv)
{
	std::string how = argv[1];
	std::printf("%s\n", how.c_str());
	std::fflush(stdout);
	if (how == "main") fail();
	if (how == "thread") std::thread(fail).join();
	if (how == "noexcept") strict();
	if (how == "destructor") {
		try { Worse w; fail(); } catch (...) { std::puts("caught"); }
	}
	if (how == "rethrow") throw;
	return 0;
}
