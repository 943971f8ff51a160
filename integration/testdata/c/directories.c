// Directories: making, listing, walking, matching names, and the current one.
#include "common.h"
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static void list(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, 0, alphasort);
	if (n < 0) {
		printf("%s: %s\n", path, errno_name(errno));
		return;
	}
	printf("%s:", path);
	for (int i = 0; i < n; i++) {
		printf(" %s(%d)", names[i]->d_name, names[i]->d_type);
		free(names[i]);
	}
	printf("\n");
	free(names);
}

static int files, folders;
static int visit(const char *path, const struct stat *st, int type, struct FTW *f)
{
	if (type == FTW_F) files += f->level;
	if (type == FTW_D || type == FTW_DP) folders++;
	return 0;
}

int main(void)
{
	char start[PATH_MAX], path[PATH_MAX];
	SHOW(getcwd(start, sizeof start) != 0);
	SHOW(mkdir("d", 0755));
	SHOW(mkdir("d", 0755));
	SHOW(mkdir("missing/d", 0755));
	SHOW(mkdir("d/sub", 0700));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof path, "d/file-%03d-with-a-rather-long-name", i);
		close(MUST(open(path, O_CREAT | O_WRONLY, 0644)));
	}
	close(MUST(open("d/sub/x", O_CREAT | O_WRONLY, 0644)));
	SHOW(symlink("x", "d/sub/link"));
	list("d/sub");
	list("missing");
	list("d/sub/x");

	DIR *dir = opendir("d");
	int count = 0;
	unsigned sum = 0;
	struct dirent *e;
	while ((e = readdir(dir))) {
		count++;
		sum += checksum(e->d_name, strlen(e->d_name));
	}
	printf("%d entries %08x\n", count, sum);
	rewinddir(dir);
	readdir(dir);
	readdir(dir);
	long where = telldir(dir);
	e = readdir(dir);
	char third[256];
	strcpy(third, e->d_name);
	while (readdir(dir));
	seekdir(dir, where);
	printf("seekdir %s\n", strcmp(readdir(dir)->d_name, third) ? "differs" : "finds it again");
	struct stat st;
	SHOW(fstatat(dirfd(dir), "sub", &st, 0));
	printf("%o\n", st.st_mode);
	int fd = MUST(openat(dirfd(dir), "sub/x", O_RDWR));
	SHOW(write(fd, "abc", 3));
	SHOW(mkdirat(dirfd(dir), "at", 0755));
	SHOW(renameat(dirfd(dir), "at", dirfd(dir), "at2"));
	SHOW(symlinkat("t", dirfd(dir), "l"));
	SHOW(readlinkat(dirfd(dir), "l", path, sizeof path));
	SHOW(linkat(dirfd(dir), "sub/x", AT_FDCWD, "linked", 0));
	SHOW(unlinkat(dirfd(dir), "at2", 0));
	SHOW(unlinkat(dirfd(dir), "at2", AT_REMOVEDIR));
	SHOW(faccessat(dirfd(dir), "sub/x", R_OK, 0));
	SHOW(closedir(dir));

	SHOW(nftw("d", visit, 20, FTW_PHYS));
	printf("walked %d %d\n", files, folders);
	glob_t g;
	SHOW(glob("d/file-0[12]*", 0, 0, &g));
	printf("%zu %s\n", (size_t)g.gl_pathc, g.gl_pathv[0]);
	globfree(&g);
	SHOW(glob("d/{sub,nothing}/x", GLOB_NOSORT, 0, &g) != 0);
	SHOW(fnmatch("*.[ch]", "main.c", 0));
	SHOW(fnmatch("*.[ch]", "main.o", 0) != 0);

	SHOW(chdir("d/sub"));
	getcwd(path, sizeof path);
	printf("%s\n", path + strlen(start));
	SHOW(realpath("../file-001-with-a-rather-long-name", path) != 0);
	printf("%s\n", path + strlen(start));
	SHOW(realpath("../nothing", path) != 0);
	SHOW(getcwd(path, 3) != 0);
	printf("%s\n", errno_name(errno));
	int here = MUST(open("..", O_RDONLY | O_DIRECTORY));
	SHOW(fchdir(here));
	getcwd(path, sizeof path);
	printf("%s\n", path + strlen(start));
	SHOW(open("sub/x", O_DIRECTORY));
	SHOW(fchdir(fd));
	SHOW(chdir(start));
	SHOW(rmdir("d"));
	SHOW(rmdir("linked"));
	SHOW(chdir("linked"));
	strcpy(path, "/usr/lib/x");
	printf("%s ", basename(path));
	printf("%s\n", dirname(path));
	SHOW(mkdir("temp-XXXXXX", 0) == 0 && rmdir("temp-XXXXXX") == 0);
	char template[] = "temp-XXXXXX";
	SHOW(mkdtemp(template) != 0 && rmdir(template) == 0);
	return 0;
}
