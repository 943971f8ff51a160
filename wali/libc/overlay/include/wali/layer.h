/* For layers: modules between an application and the system calls, see docs/layers.md.
 * walicc --layer links them.
 *
 * A layer defines the functions that it provides and names each by its import:
 *
 *	LAYER_PROVIDES("wali.SYS_getpid")
 *	long provided_getpid(void) { return app_syscall(SYS_getpid); }
 *
 * and, if it has a use for them,
 *
 *	LAYER_ENTRY("layer_main")
 *	void layer_main(int argc, char **argv);	// once per process, before the application
 *	LAYER_ENTRY("layer_fork")
 *	void layer_fork(void);			// in a child, before it goes on
 *
 * Parameters and result of a system call have the types of the WALI ABI: int for int and
 * pointers, long for long and off_t, and a long result, which is -errno if the call fails.
 *
 * The functions of the C library work on the layer's own memory, and their system calls go to
 * the layers below and then to the kernel. They are the layer's, even where they are made on
 * behalf of the application: descriptors, signals and processes are the application's.
 */
#ifndef _WALI_LAYER_H
#define _WALI_LAYER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <bits/wali_syscall.h>
#include <bits/wali_app.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAYER_PROVIDES(name) __attribute__((__export_name__(name), __used__))
#define LAYER_ENTRY(name) __attribute__((__export_name__(name), __used__))

/* An address in the caller's memory: the application's, or that of a layer above. */
typedef uint32_t app_ptr;

/* app_read copies n bytes of the caller's memory to the layer's, app_write the other way.
 * They return 0, or -EFAULT if not all of the bytes are accessible. Each byte is read once.
 *
 * Another thread of the application may change its memory at any time. Who decides by a
 * value has to decide by a copy, and has to use this copy afterwards. */
int app_read(void *own, app_ptr theirs, size_t n) __APP_IMPORT("read");
int app_write(app_ptr theirs, const void *own, size_t n) __APP_IMPORT("write");

/* app_string copies a string with its NUL, to size bytes at most. It returns the length of
 * the string, or -EFAULT, or -ENAMETOOLONG if the string is longer. */
int app_string(char *own, app_ptr theirs, size_t size) __APP_IMPORT("string");

/* app_syscall(number, arguments...) makes a system call with pointers to the caller's memory,
 * layer_syscall one with pointers to the layer's. The number is a constant. The result is the
 * kernel's: -errno for an error. Unlike syscall() they do not set errno. */
#define app_syscall(...) __app_syscall(__LAYER_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))
#define layer_syscall(...) __wali_syscall(__LAYER_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))
#define __LAYER_ARGS(n, a, b, c, d, e, f, ...) \
	(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)

/* WALI_EACH_CALL(X) expands X(number, name, (parameters), (arguments)) for each system call
 * of the C library. The parameters are declared as __a to __f. */

#ifdef __cplusplus
}
#endif

#endif
