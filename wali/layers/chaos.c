/* Makes system calls fail, or slow, or short, to see what a program does then.
 *
 * arguments: [seed=N] CALL[,CALL...]=EFFECT[@WHEN]...
 *
 * An effect is the name of an errno value, "short" (half of what a read or write asks for) or
 * a number of milliseconds with "ms". WHEN is a chance with "%", or "#N" for the Nth of these
 * calls in a process; without it the effect is there always. The first rule that applies is
 * the one.
 *
 * The chances depend on the seed, on the program's arguments after its name and on how the
 * process has come about, and on nothing else: a process without threads sees the same again. */
/* Without _GNU_SOURCE, which makes pread64 a macro. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wali/layer.h>

enum { CALLS = 512, RULES_MAX = 64 };

static struct rule {
	uint8_t calls[CALLS / 8];
	int error;		/* 0: short or slow */
	int brief;
	int milliseconds;
	uint32_t chance;	/* of 2^32 */
	uint64_t at;		/* which call it is, from 1 on; 0: by chance, or always */
	_Atomic uint64_t seen;
} rules[RULES_MAX];
static int rule_count;
static uint8_t concerned[CALLS];

static _Atomic uint64_t state;

/* SplitMix64. */
static uint64_t next(void)
{
	uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Finds the rule that applies to a call, if one does. */
__attribute__((__noinline__)) static struct rule *rule_for(int call)
{
	for (int i = 0; i < rule_count; i++) {
		struct rule *r = &rules[i];
		if (!(r->calls[call / 8] & 1 << call % 8)) continue;
		if (r->at) {
			if (atomic_fetch_add(&r->seen, 1) + 1 != r->at) continue;
		} else if (r->chance != UINT32_MAX && (uint32_t)next() >= r->chance) continue;
		return r;
	}
	return 0;
}

/* Up to which buffer a short call goes: the first with something in it. A transfer of nothing
 * would mean something else. */
static int shortened(app_ptr vectors, int count)
{
	struct { uint32_t at, size; } v;
	for (int i = 0; i < count; i++)
		if (app_read(&v, vectors + i * sizeof v, sizeof v) || v.size) return i + 1;
	return count;
}

/* What becomes of a call: its error, or 0. A count, which is one of vectors unless these are 0,
 * may become smaller. */
static long apply(int call, int *count, app_ptr vectors)
{
	struct rule *r = rule_for(call);
	if (!r) return 0;
	if (r->milliseconds) {
		struct timespec t = { r->milliseconds / 1000, r->milliseconds % 1000 * 1000000 };
		while (layer_syscall(SYS_nanosleep, &t, &t) == -EINTR);
	}
	if (r->brief && count && vectors) *count = shortened(vectors, *count);
	else if (r->brief && count && *count > 1) *count = (unsigned)*count / 2;
	return -r->error;
}

/* How a call is wrapped: 0 for most; 1 for those with a count of bytes as third argument, 3 for
 * those with a count of vectors; 2 for those that are not: they do not return, or could not
 * fail. */
#define HOW_read ~, 1
#define HOW_write ~, 1
#define HOW_pread64 ~, 1
#define HOW_pwrite64 ~, 1
#define HOW_readv ~, 3
#define HOW_writev ~, 3
#define HOW_preadv ~, 3
#define HOW_pwritev ~, 3
#define HOW_recvfrom ~, 1
#define HOW_sendto ~, 1
#define HOW_exit ~, 2
#define HOW_exit_group ~, 2
#define HOW_restart_syscall ~, 2
#define SECOND(a, b, ...) b
#define SELECT(...) SECOND(__VA_ARGS__)
#define JOIN_(a, b) a ## b
#define JOIN(a, b) JOIN_(a, b)

#define WRAP_0(number, name, parameters, arguments) \
	LAYER_PROVIDES("wali.SYS_" #name) long chaos_##name parameters \
	{ \
		long e_ = concerned[number] ? apply(number, 0, 0) : 0; \
		return e_ ? e_ : __app_SYS_##name arguments; \
	}
#define WRAP_1(number, name, parameters, arguments) \
	LAYER_PROVIDES("wali.SYS_" #name) long chaos_##name parameters \
	{ \
		long e_ = concerned[number] ? apply(number, &__c, 0) : 0; \
		return e_ ? e_ : __app_SYS_##name arguments; \
	}
#define WRAP_3(number, name, parameters, arguments) \
	LAYER_PROVIDES("wali.SYS_" #name) long chaos_##name parameters \
	{ \
		long e_ = concerned[number] ? apply(number, &__c, __b) : 0; \
		return e_ ? e_ : __app_SYS_##name arguments; \
	}
#define WRAP_2(number, name, parameters, arguments)
#define WRAP(number, name, parameters, arguments) \
	JOIN(WRAP_, SELECT(HOW_##name, 0, 0))(number, name, parameters, arguments)
WALI_EACH_CALL(WRAP)

#define NAME(number, name, parameters, arguments) [number] = #name,
static const char *const names[CALLS] = { WALI_EACH_CALL(NAME) };

#define ERROR(name) { #name, name }
static const struct { const char *name; int value; } errors[] = {
	ERROR(E2BIG), ERROR(EACCES), ERROR(EADDRINUSE), ERROR(EADDRNOTAVAIL), ERROR(EAGAIN), ERROR(EBADF), ERROR(EBUSY), ERROR(ECANCELED),
	ERROR(ECONNABORTED), ERROR(ECONNREFUSED), ERROR(ECONNRESET), ERROR(EDEADLK), ERROR(EDQUOT), ERROR(EEXIST), ERROR(EFAULT),
	ERROR(EFBIG), ERROR(EHOSTUNREACH), ERROR(EINTR), ERROR(EINVAL), ERROR(EIO), ERROR(EISDIR), ERROR(ELOOP), ERROR(EMFILE),
	ERROR(EMLINK), ERROR(ENAMETOOLONG), ERROR(ENETDOWN), ERROR(ENETUNREACH), ERROR(ENFILE), ERROR(ENOBUFS), ERROR(ENODEV),
	ERROR(ENOENT), ERROR(ENOEXEC), ERROR(ENOLCK), ERROR(ENOMEM), ERROR(ENOSPC), ERROR(ENOSYS), ERROR(ENOTDIR), ERROR(ENOTSUP),
	ERROR(ENXIO), ERROR(EPERM), ERROR(EPIPE), ERROR(EROFS), ERROR(ESTALE), ERROR(ETIMEDOUT), ERROR(ETXTBSY), ERROR(EXDEV),
};

static void refuse(const char *rule, const char *why, const char *what)
{
	dprintf(2, "chaos.wasm: %s: %s%s\n", rule, why, what);
	_exit(125);
}

static int call_named(const char *name)
{
	for (int i = 0; i < CALLS; i++) if (names[i] && !strcmp(names[i], name)) return i;
	return -1;
}

static void set_effect(struct rule *r, const char *whole, const char *effect)
{
	char *end;
	long ms = strtol(effect, &end, 10);
	if (!strcmp(effect, "short")) {
		r->brief = 1;
		return;
	}
	if (end != effect && !strcmp(end, "ms") && ms > 0 && ms <= 3600000) {
		r->milliseconds = ms;
		return;
	}
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (strcmp(errors[i].name, effect)) continue;
		r->error = errors[i].value;
		return;
	}
	refuse(whole, "no errno value, no \"short\" and no time in \"ms\": ", effect);
}

static void set_when(struct rule *r, const char *whole, const char *when)
{
	char *end;
	if (*when == '#') {
		r->at = strtoull(when + 1, &end, 10);
		if (!r->at || *end) refuse(whole, "no number of a call: ", when);
		return;
	}
	double chance = strtod(when, &end);
	if (end == when || strcmp(end, "%") || !(chance >= 0 && chance <= 100)) refuse(whole, "no chance in %, and no #N: ", when);
	r->chance = chance / 100 * UINT32_MAX;
}

static void add_rule(const char *whole)
{
	char *text = strdup(whole), *effect = text ? strchr(text, '=') : 0, *save = 0;
	struct rule *r = &rules[rule_count];
	if (!effect) refuse(whole, "not of the form CALL[,CALL...]=EFFECT[@WHEN]", "");
	if (rule_count == RULES_MAX) refuse(whole, "too many rules", "");
	*effect++ = 0;
	char *when = strchr(effect, '@');
	if (when) *when++ = 0;
	set_effect(r, whole, effect);
	r->chance = UINT32_MAX;
	if (when) set_when(r, whole, when);
	for (char *name = strtok_r(text, ",", &save); name; name = strtok_r(0, ",", &save)) {
		int call = call_named(name);
		if (call < 0) refuse(whole, "no system call: ", name);
		r->calls[call / 8] |= 1 << call % 8;
		concerned[call] = 1;
	}
	rule_count++;
	free(text);
}

LAYER_ENTRY("layer_main") void layer_main(int argc, char **argv)
{
	uint64_t seed = 1;
	unsigned char c[256];
	ssize_t n;
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "seed=", 5)) seed = strtoull(argv[i] + 5, 0, 0);
		else add_rule(argv[i]);
	}
	/* FNV-1a of the program's arguments but the first, which may be any path. */
	int counts = 0;
	uint64_t hash = 0xcbf29ce484222325 ^ seed * 0x9e3779b97f4a7c15;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, c, sizeof c)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (counts) hash = (hash ^ c[i]) * 0x100000001b3;
			else counts = !c[i];
		}
	if (fd >= 0) close(fd);
	state = hash;
}

/* The child has a sequence of its own. */
LAYER_ENTRY("layer_fork") void layer_fork(void)
{
	state = next() ^ 0x5851f42d4c957f2d;
}
