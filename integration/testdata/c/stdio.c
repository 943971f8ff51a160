// stdin: first line\nsecond line\n42 3.5 word\nno newline at the end
// Streams on files, memory and standard input.
#include "common.h"
#include <unistd.h>
#include <wchar.h>
#include <locale.h>
#include <fcntl.h>

int main(void)
{
	char line[100];
	printf("fgets %s", fgets(line, sizeof line, stdin));
	char *grown = 0;
	size_t cap = 0;
	SHOW(getline(&grown, &cap, stdin));
	printf("getline %s", grown);
	int i; double d; char w[20];
	SHOW(scanf("%d %lf %19s\n", &i, &d, w));
	printf("%d %g %s\n", i, d, w);
	SHOW(getline(&grown, &cap, stdin));
	SHOW(getline(&grown, &cap, stdin));
	printf("eof %d error %d\n", feof(stdin) != 0, ferror(stdin) != 0);
	free(grown);

	FILE *f = fopen("file", "w+");
	for (int n = 0; n < 1000; n++) fprintf(f, "line %d\n", n);
	printf("position %ld\n", ftell(f));
	SHOW(fseek(f, 10, SEEK_SET));
	printf("%s", fgets(line, sizeof line, f));
	SHOW(fseek(f, -9, SEEK_END));
	printf("%s", fgets(line, sizeof line, f));
	SHOW(fgetc(f));
	rewind(f);
	SHOW(fgetc(f));
	SHOW(ungetc('Z', f));
	SHOW(fgetc(f));
	fpos_t pos;
	SHOW(fgetpos(f, &pos));
	SHOW(fgetc(f));
	SHOW(fsetpos(f, &pos));
	SHOW(fgetc(f));
	SHOW(fseeko(f, (off_t)5000000000, SEEK_SET));
	printf("%lld\n", (long long)ftello(f));
	SHOW(fclose(f));

	f = fopen("file", "r+");
	SHOW(fputs("LINE", f) >= 0);
	SHOW(fseek(f, 0, SEEK_CUR));
	printf("%s", fgets(line, sizeof line, f));
	fclose(f);
	f = fopen("file", "a+");
	SHOW(fwrite("tail\n", 1, 5, f));
	SHOW(fseek(f, -5, SEEK_END));
	SHOW(fread(line, 1, sizeof line, f));
	fclose(f);

	SHOW(fopen("missing/file", "r") == 0 ? -1 : 0);
	SHOW(fopen("file", "wx") == 0 ? -1 : 0);
	f = fopen("file", "r");
	SHOW(fputc('x', f) == EOF);
	printf("error %d\n", ferror(f) != 0);
	clearerr(f);
	printf("error %d\n", ferror(f) != 0);
	SHOW(fcntl(fileno(f), F_GETFD));
	fclose(f);
	f = fopen("file", "re");
	SHOW(fcntl(fileno(f), F_GETFD));
	fclose(f);

	char buffer[64] = "";
	f = fmemopen(buffer, sizeof buffer, "w");
	fprintf(f, "memory %d", 7);
	fclose(f);
	printf("%s\n", buffer);
	char *made = 0;
	size_t size = 0;
	f = open_memstream(&made, &size);
	for (int n = 0; n < 300; n++) fprintf(f, "%d,", n);
	fflush(f);
	printf("memstream %zu %08x\n", size, checksum(made, size));
	fclose(f);
	free(made);

	f = tmpfile();
	fprintf(f, "temporary");
	rewind(f);
	printf("%s\n", fgets(line, sizeof line, f));
	fclose(f);

	/* Unbuffered, line buffered and fully buffered output reaches the file accordingly. */
	int modes[] = { _IONBF, _IOLBF, _IOFBF };
	for (int m = 0; m < 3; m++) {
		f = fopen("buffered", "w");
		setvbuf(f, 0, modes[m], 64);
		fputs("abc\nde", f);
		int fd = open("buffered", O_RDONLY);
		printf("mode %d: %d visible, ", m, (int)read(fd, line, sizeof line));
		fclose(f);
		lseek(fd, 0, SEEK_SET);
		printf("%d after closing\n", (int)read(fd, line, sizeof line));
		close(fd);
	}

	setlocale(LC_ALL, "C.UTF-8");
	f = fopen("wide", "w+");
	SHOW(fwide(f, 1) > 0);
	SHOW(fputws(L"gr\u00fc\u00df \u20ac\n", f) >= 0);
	SHOW(fwprintf(f, L"%d %ls\n", 5, L"\u4f60"));
	rewind(f);
	wchar_t ws[20];
	printf("%d\n", (int)wcslen(fgetws(ws, 20, f)));
	SHOW(fgetwc(f));
	fclose(f);
	SHOW(truncate("wide", 0));

	f = freopen("redirected", "w", stderr);
	fprintf(stderr, "to the file\n");
	fclose(stderr);
	f = fopen("redirected", "r");
	printf("%s", fgets(line, sizeof line, f));
	fclose(f);
	SHOW(rename("redirected", "renamed"));
	SHOW(remove("renamed"));
	SHOW(remove("renamed"));
	return 0;
}
