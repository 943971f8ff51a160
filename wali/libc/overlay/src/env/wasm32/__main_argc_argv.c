/* The compiler names main by its parameters, and adds a __main_void to a main without any.
 * crt1.o calls the one with two; a program whose main has none or three is reached through
 * this and __main_void.c. */
int __main_void(void);

__attribute__((__visibility__("hidden"))) int __wali_main_argc;
__attribute__((__visibility__("hidden"))) char **__wali_main_argv;

int __main_argc_argv(int argc, char **argv)
{
	__wali_main_argc = argc;
	__wali_main_argv = argv;
	return __main_void();
}
