#include <unistd.h>

int main3(int, char **, char **) __asm__("main");

extern __attribute__((__visibility__("hidden"))) int __wali_main_argc;
extern __attribute__((__visibility__("hidden"))) char **__wali_main_argv;

int __main_void(void)
{
	return main3(__wali_main_argc, __wali_main_argv, __environ);
}
