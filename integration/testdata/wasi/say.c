/* A WASI program without a C library: it says its arguments, the value of MARK, and the first
 * line of the file "file" in its first directory; its status is 3. */
#include <stddef.h>
#include <stdint.h>

#define WASI(name) __attribute__((__import_module__("wasi_snapshot_preview1"), __import_name__(#name)))

WASI(args_sizes_get) int args_sizes_get(uint32_t *count, uint32_t *size);
WASI(args_get) int args_get(char **argv, char *text);
WASI(environ_sizes_get) int environ_sizes_get(uint32_t *count, uint32_t *size);
WASI(environ_get) int environ_get(char **list, char *text);
WASI(fd_write) int fd_write(int fd, const void *vectors, size_t n, uint32_t *done);
WASI(fd_read) int fd_read(int fd, const void *vectors, size_t n, uint32_t *done);
WASI(path_open) int path_open(int fd, int follow, const char *path, size_t n, int oflags, uint64_t rights, uint64_t more, int fdflags,
	int *opened);
WASI(proc_exit) _Noreturn void proc_exit(int status);

struct vector { const char *at; size_t n; };

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n]) n++;
	return n;
}

static void say(const char *text, size_t n)
{
	struct vector v = { text, n };
	uint32_t done;
	fd_write(1, &v, 1, &done);
}

static char text[65536];
static char *list[1024];

void _start(void)
{
	uint32_t count, size;
	if (args_sizes_get(&count, &size) || count > 1024 || size > sizeof text || args_get(list, text)) proc_exit(4);
	for (uint32_t i = 0; i < count; i++) {
		say("[", 1);
		say(list[i], length(list[i]));
		say("]", 1);
	}
	if (environ_sizes_get(&count, &size) || count > 1024 || size > sizeof text || environ_get(list, text)) proc_exit(5);
	for (uint32_t i = 0; i < count; i++) {
		char *e = list[i];
		if (e[0] == 'M' && e[1] == 'A' && e[2] == 'R' && e[3] == 'K' && e[4] == '=') say(e + 5, length(e + 5));
	}
	int file;
	int e = path_open(3, 1, "file", 4, 0, 2 /* fd_read */, 0, 0, &file);
	if (e) {
		char number[] = " errno 00";
		number[7] += e / 10;
		number[8] += e % 10;
		say(number, sizeof number - 1);
	} else {
		static char content[80];
		struct vector v = { content, sizeof content };
		uint32_t n = 0;
		fd_read(file, &v, 1, &n);
		say(" ", 1);
		say(content, n);
	}
	proc_exit(3);
}
