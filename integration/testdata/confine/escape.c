// The ways out of another root that Linux has for root. It prints what works, and then
// "tried". There is a file /outside-NAME beside the root, NAME being the argument.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char marker[300];

// outside reports whether a directory above the working directory has the file.
static int outside(void) {
	char path[600] = "";
	for (int i = 0; i < 20; i++) {
		char file[1000];
		snprintf(file, sizeof file, "%s%s", path, marker);
		if (!access(file, F_OK)) return 1;
		strcat(path, "../");
	}
	return 0;
}

int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IONBF, 0);
	snprintf(marker, sizeof marker, "outside-%s", argv[1]);
	if (outside()) puts("the working directory leads out");
	// A second root: the working directory is then outside of it.
	mkdir("inner", 0700);
	int here = open(".", O_RDONLY | O_DIRECTORY);
	if (!chroot("inner")) {
		puts("chroot works");
		fchdir(here);
		if (outside()) puts("a second root leads out");
	}
	if (!mount("none", "inner", "tmpfs", 0, "")) puts("mount works");
	if (!mount("proc", "inner", "proc", 0, "")) puts("mount of proc works");
	if (!mknod("disk", S_IFBLK | 0600, makedev(8, 0)) || !mknod("disk2", S_IFCHR | 0600, makedev(1, 1))) puts("mknod works");
	if (syscall(SYS_fsopen, "tmpfs", 0) >= 0) puts("fsopen works");
	if (!unshare(CLONE_NEWNS)) puts("a mount namespace works");
	if (!unshare(CLONE_NEWUSER)) {
		puts("a user namespace works");
		if (!chroot("inner")) puts("and chroot in it");
	}
	struct file_handle *handle = calloc(1, sizeof *handle + 128);
	handle->handle_bytes = 128;
	int id;
	if (!name_to_handle_at(AT_FDCWD, ".", handle, &id, 0)) {
		int fd = open_by_handle_at(here, handle, O_RDONLY);
		if (fd >= 0) puts("open_by_handle_at works");
	}
	// Other processes' roots, where there is a /proc.
	for (int pid = 1; pid < 3; pid++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/root/", pid == 1 ? 1 : getppid());
		if (!chdir(path)) printf("%s can be entered\n", path);
	}
	if (!chdir("/proc/self/root/..") && outside()) puts("/proc/self/root leads out");
	if (!chdir("/proc/self/cwd/../..") && outside()) puts("/proc/self/cwd leads out");
	puts("tried");
	return 0;
}
