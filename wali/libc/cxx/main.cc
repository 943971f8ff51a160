// Programs that walicc++ links enter main through here: an exception that main does not
// catch ends the program by std::terminate, as the language has it. wasm's way to throw does not
// look for a handler first, so that without this the engine would end the program.
#include <exception>

extern "C" {

int __real___main_argc_argv(int argc, char **argv);

int __wrap___main_argc_argv(int argc, char **argv)
{
	try {
		return __real___main_argc_argv(argc, argv);
	} catch (...) {
		std::terminate();
	}
}

}
