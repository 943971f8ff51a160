// args: 100000
// flags: -lm
// Floating point from and to text: hard cases, and as many random numbers as the argument says,
// with a checksum for every thousand of them. What differs between C libraries for good reasons
// is left out: the sign of nan(), the first digit of %a of subnormal numbers, ERANGE of what
// rounds to the smallest normal number, and %#g of what rounds to a power of ten, which glibc
// printed wrongly for long.
#include "common.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <wchar.h>

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

static uint64_t bits(double d) { uint64_t u; memcpy(&u, &d, 8); return u; }
static double from_bits(uint64_t u) { double d; memcpy(&d, &u, 8); return d; }

static unsigned sum;
static int loud = 1; // whether results are shown, not only summed up

static void note(const char *text)
{
	sum = (sum ^ checksum(text, strlen(text))) * 16777619u;
	if (loud) puts(text);
}

// scan reads a text in all ways.
static void scan(const char *text)
{
	char line[400], *end;
	errno = 0;
	double d = strtod(text, &end);
	int n = snprintf(line, sizeof line, "%.40s: %016llx %s %d", text, (unsigned long long)bits(isnan(d) ? fabs(d) : d),
		end == text ? "none" : errno_name(errno), (int)(end - text));
	errno = 0;
	float f = strtof(text, &end);
	uint32_t u;
	memcpy(&u, &f, 4);
	snprintf(line + n, sizeof line - n, ", %08x %s %d", isnan(f) ? 0 : u, end == text ? "none" : errno_name(errno), (int)(end - text));
	note(line);
	if (bits(atof(text)) != bits(d) && !isnan(d)) note("atof differs");
	wchar_t wide[1200], *wide_end;
	size_t i = 0;
	do wide[i] = text[i]; while (text[i++] && i < 1199);
	wide[i] = 0;
	double w = wcstod(wide, &wide_end);
	if (strlen(text) < 1199 && bits(w) != bits(d) && !isnan(d)) note("wcstod differs");
}

// scanned reads a text that is a number and nothing else by sscanf.
static void scanned(const char *text)
{
	double d = 0;
	float f = 0;
	long double l = 0;
	int n = -1;
	if (sscanf(text, "%lf%n", &d, &n) != 1 || n != (int)strlen(text) || bits(d) != bits(strtod(text, 0))) note("sscanf %lf differs");
	if (sscanf(text, "%f", &f) != 1 || f != strtof(text, 0)) note("sscanf %f differs");
	if (sscanf(text, "%Lf", &l) != 1 || l != strtold(text, 0)) note("sscanf %Lf differs");
}

static void print(const char *format, double d)
{
	char text[2500];
	int n = snprintf(text, sizeof text, format, d);
	if (n != (int)strlen(text)) note("length differs");
	note(text);
}

static double random_double(void)
{
	uint64_t r = next();
	switch (next() % 6) {
	case 0: return (r >> 52 & 0x7ff) == 0x7ff ? 1.5 : from_bits(r);
	case 1: return (double)(int64_t)r / (1 << 30);
	case 2: return (int)(r % 2000000) / 1000.0;
	case 3: return (double)(r % 100000000);
	case 4: return from_bits((r & 0x800fffffffffffff) | (uint64_t)(1023 - 32 + (r >> 52) % 64) << 52);
	default: return (double)(r % 1024) / 64 * (1ull << (r >> 40) % 60);
	}
}

// The middle of a double and the next, all digits of it, and numbers right beside.
static void middle(double d)
{
	char text[1200];
	uint64_t u = bits(fabs(d));
	// The middle of two doubles has one bit more, and so is a sum of two.
	double lower = from_bits(u), half = from_bits(u + 1) - lower;
	if (!isfinite(half)) return;
	// Printed digit by digit, since a long double is not the same everywhere: (m*2+1) * 2^e.
	uint64_t m = (u & 0xfffffffffffff) | (u >> 52 ? 1ull << 52 : 0);
	int e = (u >> 52 ? (int)(u >> 52) : 1) - 1075 - 1;
	m = 2 * m + 1;
	// Decimal digits of m, then doubled e times, or multiplied by five with the point moved.
	static unsigned char digit[1300];
	int n = 0, point = 0;
	for (; m; m /= 10) digit[n++] = m % 10;
	for (int i = e; i; ) {
		int factor = i > 0 ? 2 : 5, carry = 0;
		for (int k = 0; k < n; k++) {
			carry += digit[k] * factor;
			digit[k] = carry % 10;
			carry /= 10;
		}
		if (carry) digit[n++] = carry;
		if (i > 0) i--; else i++, point++;
	}
	for (int i = 0; i < n; i++) text[i] = '0' + digit[n - 1 - i];
	snprintf(text + n, sizeof text - n, "e-%d", point);
	scan(text);
	char *last = text + n - 1;
	++*last; scan(text); // odd digits are below 9 but for 9, which gives ':' and ends the number
	*last -= 2; scan(text);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "de_DE.UTF-8");
	static const char *hard[] = {
		"", "+", "-", ".", "e5", "1", "1e", "1e+", "1e+x", "1.5e3x", "0x", "0x.", "0xp1", "0x1", "0x1p", "0x1.8p3",
		"0X1P-1074", "0x1p-1075", "0x1.0000000000001p-1075", "0x1.8p-1074", "0x1.fffffffffffff8p1023",
		"0x1.fffffffffffff7p1023", "0x1p1024", "0x1.00000000000008p0", "0x1.000000000000080000000001p0",
		"0x1.00000000000018p0", "0x0.0000000000000000001p100", "0x.8", "0x0", "0x00.00p5", "0x1.000001p0", "0x1.000003p0",
		"0x123456789abcdef0123456789", "0x.00000000000000000000000000000000001", "0x1p99999999999999999999", "0x1p-99999999999999999999",
		"inf", "-inf", "infinity", "infinit", "INFINITYx", "nan", "nan(", "nan(ab)", "nan(a-b)", "-1", "  \t\n1.25", " + 1",
		"1,5", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308",
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042879.999",
		"2.4703282292062327208e-324", "2.4703282292062328e-324", "4.9e-324", "7.4e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
		"6.631236846766476e-316", "2.9802322387695312e-8",
		"9007199254740993", "9007199254740992.999999999999999999999999999999", "9007199254740993.00000000000000000000000000001",
		"9007199254740993.0000000000000000000", "1e23", "8.5e22", "1e22", "1e400", "1e-400", "1e99999999999999999999",
		"1e-99999999999999999999", "0e99999999999999", "0.000000e400", "123456789012345678901234567890", "0.1",
		"3.4028235e38", "3.4028235677973366e38", "3.4028236e38", "1.1754944e-38", "1.4e-45", "7e-46", "7.006492321624085e-46", "7.0064923216240853e-46",
		"16777217", "16777217.0000001", "16777219", "-0", "-0.0", "00000001.5", "1..5", "1.5.5", "1e5.5", "1E5", "0.0000000000000000000000000000000001234e+30",
	};
	for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) scan(hard[i]);
	char text[1200];
	for (int zeros = 10; zeros < 1100; zeros += 218) { // long texts of both kinds
		memset(text, '0', zeros);
		strcpy(text + zeros, "123.5");
		scan(text);
		text[0] = '.';
		scan(text);
		text[0] = '1';
		snprintf(text + zeros, sizeof text - zeros, "e-%d", zeros);
		scan(text);
	}
	memset(text, '9', 1100);
	strcpy(text + 1100, "e-1100"); scan(text);
	strcpy(text + 1100, "e-1424"); scan(text);

	static const double special[] = {
		0, -0.0, INFINITY, -INFINITY, DBL_MIN, DBL_MAX, 0x1p-1074, 0x1.8p-1073, 0.5, 1.5, 2.5, 0.25, 0.125, 9.5, 99.5, 999999.5, 9.9999995,
		0.0001, 0.00001, 1e21, 1e22, 1e23, 123456, 1234567, 1e15, 1e16, 1e17, 9007199254740993e3, 0.1, 1.0/3, -2.5e-300,
	};
	static const char *flags[] = { "", "+", " ", "0", "-", "#", "+0", "-#" };
	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		loud = 0;
		sum = 0;
		for (int precision = -1; precision < 40; precision++)
			for (const char *c = "efgEFGaA"; *c; c++)
				for (int f = 0; f < 8; f++)
					for (int width = 0; width < 60; width += 29) {
						char format[40];
						int tiny = special[i] && fabs(special[i]) < DBL_MIN;
						if ((tiny && (*c | 32) == 'a') || (strchr(flags[f], '#') && (*c | 32) == 'g')) continue;
						int n = snprintf(format, sizeof format, "%%%s", flags[f]);
						if (width) n += snprintf(format + n, sizeof format - n, "%d", width);
						if (precision >= 0) n += snprintf(format + n, sizeof format - n, ".%d", precision);
						snprintf(format + n, sizeof format - n, "%c", *c);
						print(format, special[i]);
					}
		loud = 1;
		printf("%g: %08x\n", special[i], sum);
		print("%.1074f", special[i]);
		print("%.1100e", special[i]);
		print("%.800g", special[i]);
		wchar_t wide[500];
		printf("%d ", swprintf(wide, 500, L"%.17g|%+10.2f|%Lg", special[i], special[i], (long double)special[i]));
		printf("%ls\n", wide);
		printf("%.30Lg %.10Le %Lf\n", (long double)special[i], (long double)special[i], (long double)fmod(special[i], 1e9));
	}
	SHOW(snprintf(text, 5, "%.3000f", 0.1));
	SHOW(snprintf(text, sizeof text, "%2$.*1$f %3$Lg", 3, 2.5, 1.25L)); puts(text);
	printf("%d %d\n", strtold("0x1.8p16000", 0) == scalbnl(1.5L, 16000), strtold("340282366920938463463374607431768211456", 0) == 0x1p128L);
	middle(1); middle(0x1p53); middle(DBL_MIN); middle(0x1p-1074); middle(0); middle(1e300); middle(0.1);

	long count = argc > 1 ? atol(argv[1]) : 1000;
	loud = argc > 2; // to find what differs
	for (long i = 0; i < count; i++) {
		if (i % 1000 == 0) sum = 0;
		double d = random_double();
		uint64_t r = next();
		char text[60], format[20];
		snprintf(text, sizeof text, "%.*e", (int)(r % 25), d);
		scan(text);
		if (i % 10 == 0) scanned(text);
		if (i % 100 == 0) middle(d);
		static const char conversions[] = "efgEFGa";
		char c = conversions[(r >> 20) % 7];
		if (c == 'a' && fabs(d) < DBL_MIN) c = 'e';
		snprintf(format, sizeof format, "%%.%d%c", r >> 60 == 1 ? (int)((r >> 40) % 1100) : (int)((r >> 32) % 22), c);
		print(format, d);
		print("%.17g", d);
		print("%.14g", d);
		print("%f", d);
		if (i % 1000 == 999 || i == count - 1) printf("%ld: %08x\n", i, sum);
	}
	return 0;
}
