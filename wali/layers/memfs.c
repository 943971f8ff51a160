/* Puts an empty file system in memory over a directory, for the processes of an instance.
 *
 * arguments: [size=BYTES[k|m|g]] DIRECTORY
 *
 * The file system is the kernel's, tmpfs, on a mount that only the process and those that it
 * makes see: in a mount namespace of their own. So everything works in it that works in a file
 * system, and it is gone with the last process. Who may not mount does so in a user namespace
 * in which he is who he was, and keeps no right that he did not have. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wali/layer.h>

#define SOURCE "memfs.wasm"	/* what the mount is called in mountinfo(5) */

static _Noreturn void fail(const char *what, const char *which)
{
	dprintf(2, "memfs.wasm: %s%s%s: %s\n", what, which ? " " : "", which ? which : "", strerror(errno));
	_exit(125);
}

/* Makes of a path in mountinfo, where blanks and the like are octal, what it stands for. */
static void decode(char *s)
{
	char *to = s;
	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* Says whether the uppermost mount on a directory is ours: the process before has made it. */
static int mounted(const char *dir)
{
	static char line[3 * PATH_MAX + 1024], point[3 * PATH_MAX + 1024], source[3 * PATH_MAX + 1024];
	FILE *list = fopen("/proc/self/mountinfo", "re");
	if (!list) fail("open", "/proc/self/mountinfo");
	int ours = 0;
	while (fgets(line, sizeof line, list)) {
		char *rest = strstr(line, " - ");
		if (!rest || sscanf(line, "%*s %*s %*s %*s %s", point) != 1 || sscanf(rest, " - %*s %s", source) != 1) continue;
		decode(point);
		if (!strcmp(point, dir)) ours = !strcmp(source, SOURCE);
	}
	fclose(list);
	return ours;
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) fail("write", file);
	close(fd);
}

struct rights {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
};

static void get_rights(struct rights *r)
{
	r->head = (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
	if (syscall(SYS_capget, &r->head, r->data)) fail("capget", 0);
}

static int has(const struct rights *r, int right) { return r->data[right / 32].permitted >> right % 32 & 1; }

/* Enters a user namespace in which the process is who it is, with the rights to mount. */
static void become_mounter(void)
{
	char text[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER)) fail("a user namespace", 0);
	put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof text, "%u %u 1", uid, uid);
	put("/proc/self/uid_map", text);
	snprintf(text, sizeof text, "%u %u 1", gid, gid);
	put("/proc/self/gid_map", text);
}

/* Gives back what the namespace has brought, for good: executing a program does not either. */
static void lose_rights(struct rights *before)
{
	for (int right = 0; right < 64; right++) {
		if (has(before, right) || prctl(PR_CAPBSET_READ, right, 0, 0, 0) != 1) continue;
		if (prctl(PR_CAPBSET_DROP, right, 0, 0, 0)) fail("give up a capability", 0);
	}
	if (syscall(SYS_capset, &before->head, before->data)) fail("give up capabilities", 0);
}

LAYER_ENTRY("layer_main")
void layer_main(int argc, char **argv)
{
	const char *dir = 0, *size = 0;
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "size=", 5) && argv[i][5] && strspn(argv[i] + 5, "0123456789kmgKMG") == strlen(argv[i] + 5)) size = argv[i];
		else if (argv[i][0] == '/' && !dir) dir = argv[i];
		else {
			errno = EINVAL;
			fail("argument", argv[i]);
		}
	}
	if (!dir) {
		errno = EINVAL;
		fail("the directory is missing", 0);
	}
	static char real[PATH_MAX], cwd[PATH_MAX];
	struct stat st;
	if (!realpath(dir, real) || stat(real, &st)) fail("directory", dir);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		fail("directory", dir);
	}
	if (mounted(real)) return;
	if (!strcmp(real, "/")) {
		errno = EINVAL;
		fail("directory", dir);
	}
	if (!getcwd(cwd, sizeof cwd)) *cwd = 0;

	struct rights before;
	get_rights(&before);
	int own = !has(&before, CAP_SYS_ADMIN) || unshare(CLONE_NEWNS);
	if (own) {
		become_mounter();
		if (unshare(CLONE_NEWNS)) fail("a mount namespace", 0);
	}
	if (mount(0, "/", 0, MS_REC | MS_PRIVATE, 0)) fail("make the mounts private", 0);
	char options[256];
	snprintf(options, sizeof options, "%s%smode=%o", size ? size : "", size ? "," : "", st.st_mode & 07777);
	if (!own) snprintf(options + strlen(options), sizeof options - strlen(options), ",uid=%u,gid=%u", st.st_uid, st.st_gid);
	if (mount(SOURCE, real, "tmpfs", MS_NOSUID | MS_NODEV, options)) fail("mount", real);
	if (own) lose_rights(&before);

	/* The working directory is still the one beneath. */
	size_t n = strlen(real);
	if (!strncmp(cwd, real, n) && (cwd[n] == '/' || !cwd[n]) && chdir(cwd) && chdir(real)) fail("working directory", real);
}
