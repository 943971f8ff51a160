// Clocks that advance, sleeping, calendars and time zones.
// env: TZ=CET-1CEST,M3.5.0,M10.5.0/3
#include "common.h"
#include <sys/time.h>
#include <sys/times.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t)) return -1;
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void show(time_t t)
{
	char text[100];
	struct tm tm;
	localtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z %j %u %V %a %b %p %I", &tm);
	printf("%lld = %s dst %d\n", (long long)t, text, tm.tm_isdst > 0);
	tm.tm_isdst = -1;
	printf("back %lld\n", (long long)mktime(&tm));
	gmtime_r(&t, &tm);
	printf("utc %s", asctime_r(&tm, text));
	printf("timegm %lld\n", (long long)timegm(&tm));
}

int main(void)
{
	clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
		CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	for (int i = 0; i < 8; i++) {
		long long a = now(ids[i]), b = now(ids[i]);
		struct timespec res;
		printf("clock %d: %s, resolution %d\n", (int)ids[i], a > 0 && b >= a ? "advances" : "fails",
			clock_getres(ids[i], &res) == 0 && (res.tv_sec || res.tv_nsec));
	}
	SHOW(clock_gettime(99, &(struct timespec){ 0 }));
	printf("%d\n", time(0) >= 1700000000);
	struct timeval tv;
	SHOW(gettimeofday(&tv, 0));
	printf("%d\n", tv.tv_sec >= 1700000000 && tv.tv_usec < 1000000);

	long long before = now(CLOCK_MONOTONIC);
	SHOW(nanosleep(&(struct timespec){ 0, 30000000 }, 0));
	SHOW(usleep(10000));
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ 0, 10000000 }, 0));
	long long until = now(CLOCK_MONOTONIC) + 10000000;
	struct timespec deadline = { until / 1000000000, until % 1000000000 };
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, 0));
	printf("slept %d\n", now(CLOCK_MONOTONIC) - before >= 60000000);
	SHOW(nanosleep(&(struct timespec){ 0, 1000000000 }, 0));
	SHOW(nanosleep(&(struct timespec){ -1, 0 }, 0));
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ 0, 2000000000 }, 0));

	struct rusage ru;
	volatile double x = 0;
	clock_t c0 = clock();
	long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 50000000) x += 1;
	SHOW(getrusage(RUSAGE_SELF, &ru));
	printf("used %d %d %d\n", ru.ru_utime.tv_sec * 1000000LL + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec > 0,
		ru.ru_maxrss > 0, clock() > c0);
	struct tms tms;
	printf("times %d\n", times(&tms) != (clock_t)-1);
	SHOW(getrusage(99, &ru));

	tzset();
	printf("%s %s %ld %d\n", tzname[0], tzname[1], timezone, daylight);
	show(0);
	show(1000000000);
	show(1720000000);
	show(1711846799);
	show(1711846800);
	show(4102444800);
	show(-1);
	struct tm tm = { 0 };
	printf("%d\n", strptime("2024-02-29 12:34:56 Thu", "%Y-%m-%d %H:%M:%S %a", &tm) != 0);
	printf("%d %d %d %d\n", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_wday);
	tm = (struct tm){ .tm_year = 124, .tm_mon = 13, .tm_mday = 32, .tm_hour = -5, .tm_isdst = -1 };
	time_t made = mktime(&tm);
	printf("%lld %d %d\n", (long long)made, tm.tm_mon, tm.tm_mday);
	// What is built into the library for zones that say nothing about their summer.
	setenv("TZ", "WST5WDT", 1);
	tzset();
	show(1720000000);
	show(1711846800);
	show(1710053999);
	show(1710054000);
	show(1730620000);
	show(1735000000);
	printf("%g\n", difftime(5000000000, 3));
	return 0;
}
