/* __floatscan reads every number as a long double, which is computed without hardware. Here
 * the digits become an integer. It is multiplied by a power of ten in 192 bits, as Eisel and
 * Lemire do; where the error of the product could decide about the rounding, the digits are
 * compared exactly with the middle of the two numbers in question. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include "decimal.h"
#include "doublescan.h"
#include "shgetc.h"

struct format {
	int bits, emin, emax;
};

static const struct format formats[] = {
	{ 24, -126, 127 },
	{ 53, -1022, 1023 },
};

/* No middle of two doubles has more significant digits than 767. */
#define DIGITS 768
/* What is below 10^(POINT_MIN-1) rounds to zero, and what is not below 10^POINT_MAX to infinity. */
#define POINT_MIN (-323)
#define POINT_MAX 309

struct digits {
	int n;     /* how many there are, without zeros at the end */
	int point; /* how many of them are before the radix point; may be negative, or more than n */
	int more;  /* whether others than zeros have been left out */
	unsigned char d[DIGITS];
};

/* Integers with the lowest word first. The largest that there are, in compare, are below
 * 5^(DIGITS-POINT_MIN) * 2^66, which has 2,600 bits. */
#define WORDS 96

struct big {
	int n;
	uint32_t w[WORDS];
};

static void multiply_add(struct big *b, uint32_t factor, uint32_t carry)
{
	uint64_t x = carry;
	for (int i=0; i<b->n; i++) {
		x += (uint64_t)b->w[i] * factor;
		b->w[i] = x;
		x >>= 32;
	}
	if (x) b->w[b->n++] = x;
}

static void multiply_power_of_five(struct big *b, int e)
{
	for (; e>=13; e-=13) multiply_add(b, 1220703125, 0);
	uint32_t factor = 1;
	while (e--) factor *= 5;
	multiply_add(b, factor, 0);
}

static void shift_left(struct big *b, int e)
{
	int words = e/32;
	if (!b->n) return;
	multiply_add(b, 1u << e%32, 0);
	for (int i=b->n; i-->0; ) b->w[i+words] = b->w[i];
	for (int i=0; i<words; i++) b->w[i] = 0;
	b->n += words;
}

static void from_u64(struct big *b, uint64_t x)
{
	b->n = 0;
	for (; x; x>>=32) b->w[b->n++] = x;
}

/* Tells whether the digits are less than m*2^e, equal, or more: -1, 0, 1. The two are of
 * about the same size. */
static int compare(const struct digits *digits, uint64_t m, int e)
{
	struct big a, b;
	int ten = digits->point - digits->n;
	a.n = 0;
	for (int i=0; i<digits->n; ) {
		uint32_t chunk = 0, scale = 1;
		for (int j=0; j<9 && i<digits->n; j++, scale*=10)
			chunk = 10*chunk + digits->d[i++];
		multiply_add(&a, scale, chunk);
	}
	from_u64(&b, m);
	multiply_power_of_five(ten<0 ? &b : &a, ten<0 ? -ten : ten);
	if (ten>e) shift_left(&a, ten-e);
	else shift_left(&b, e-ten);
	if (a.n != b.n) return a.n<b.n ? -1 : 1;
	for (int i=a.n; i-->0; )
		if (a.w[i] != b.w[i]) return a.w[i]<b.w[i] ? -1 : 1;
	return digits->more;
}

/* The number of a format that has these bits, exactly. */
static double from_bits(const struct format *to, uint64_t bits)
{
	if (to->bits == 24) return (union { uint32_t i; float f; }){ bits }.f;
	return (union { uint64_t i; double f; }){ bits }.f;
}

static double out_of_range(double y)
{
	errno = ERANGE;
	return y;
}

/* Rounds to the nearest, and of two to the even one. The number meant is less than slack*2^128
 * + err*2^64 above the product; if both are 0, it is the product and digits are not needed. */
static double round_product(const struct format *to, struct product p, uint64_t slack, const struct digits *digits)
{
	uint64_t err = p.err;
	int exact = !err && !slack;
	if (!(p.w2>>63)) {
		p.w2 = p.w2<<1 | p.w1>>63;
		p.w1 = p.w1<<1 | p.w0>>63;
		p.w0 <<= 1;
		p.exp--;
		err <<= 1;
		slack <<= 1;
	}
	int e = p.exp + 191; /* of the leading bit */
	if (e > to->emax) return out_of_range(INFINITY);
	int tiny = e < to->emin;
	int last = (tiny ? to->emin : e) - to->bits + 1; /* exponent of the last bit that is kept */
	int keep = e - last + 1;
	if (keep < -1 || keep<0 && exact) return out_of_range(0);
	if (keep < 0) { /* less than half of the smallest number, but for the error */
		p.w2 >>= 1;
		slack = slack/2 + 2;
		keep = 0;
	}
	int drop = 64 - keep;
	uint64_t m = keep ? p.w2>>drop : 0, rest = keep ? p.w2<<keep>>keep : p.w2;
	uint64_t half = 1ull << drop-1;
	uint64_t top = rest + slack + (p.w1+err < err);
	int below = p.w1 || p.w0;
	int up;
	if (rest>half || rest==half && below) up = 1;
	else if (exact) up = rest==half && m&1;
	else if (top<half) up = 0;
	else {
		int c = compare(digits, 2*m+1, last-1);
		up = c>0 || !c && m&1;
	}
	m += up;
	if (tiny && !(m >> to->bits-1)) {
		int inexact = rest || below;
		/* Is there a number between the product and the highest that can be meant? */
		if (!exact && (!inexact || (keep ? top>>drop : top<rest)))
			inexact = compare(digits, m, last);
		if (inexact) errno = ERANGE;
	}
	uint64_t bits = m + (tiny ? 0 : (uint64_t)(e - to->emin) << to->bits-1);
	if (bits >> to->bits-1 > to->emax - to->emin + 1) errno = ERANGE;
	return from_bits(to, bits);
}

/* Reads an exponent. Returns LLONG_MIN if there is none; the character behind is put back. */
static long long scan_exponent(FILE *f, int pok)
{
	int c = shgetc(f), negative = c=='-';
	if (c=='+' || c=='-') {
		c = shgetc(f);
		if (!isdigit(c) && pok) shunget(f);
	}
	if (!isdigit(c)) {
		shunget(f);
		return LLONG_MIN;
	}
	long long e = 0;
	for (; isdigit(c); c = shgetc(f))
		if (e < LLONG_MAX/100) e = 10*e + c-'0';
	shunget(f);
	return negative ? -e : e;
}

static double no_number(FILE *f)
{
	shlim(f, 0);
	return 0;
}

static const double tens[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static double scan_decimal(FILE *f, int c, const struct format *to, int pok)
{
	struct digits digits;
	uint64_t w = 0;
	long long count = 0, nonzero = 0, point = 0;
	int radix = 0, any = 0;

	digits.more = 0;
	for (; c=='0'; c = shgetc(f)) any = 1;
	if (c=='.') {
		radix = 1;
		for (c = shgetc(f); c=='0'; c = shgetc(f)) any = 1, point--;
	}
	for (;; c = shgetc(f)) {
		unsigned d = c-'0';
		if (d < 10) {
			if (count < DIGITS) {
				digits.d[count] = d;
				if (count < 19) w = 10*w + d;
			} else if (d) digits.more = 1;
			count++;
			if (d) nonzero = count;
		} else if (c=='.' && !radix) {
			radix = 1;
			point = count;
		} else break;
	}
	if (count) any = 1;
	if (!radix) point = count;

	if (any && (c|32)=='e') {
		long long e = scan_exponent(f, pok);
		if (e == LLONG_MIN) {
			if (!pok) return no_number(f);
			shunget(f);
			e = 0;
		}
		point += e;
	} else if (c>=0) shunget(f);
	if (!any) {
		errno = EINVAL;
		return no_number(f);
	}

	if (!w) return 0;
	if (point > POINT_MAX) return out_of_range(INFINITY);
	if (point < POINT_MIN) return out_of_range(0);
	int q = point - (count<19 ? count : 19);
	int shift = __builtin_clzll(w);
	uint64_t slack = 0;
	if (nonzero > 19) slack = 1ull << shift;
	else if (to->bits==53 && w <= 1ull<<53 && q>=-22 && q<=22)
		return q<0 ? w/tens[-q] : w*tens[q];
	else if (to->bits==24 && w <= 1<<24 && q>=-10 && q<=10)
		return q<0 ? (float)w/(float)tens[-q] : (float)w*(float)tens[q];
	digits.n = digits.more ? DIGITS : nonzero;
	digits.point = point;
	struct product p = __times_power_of_ten(w<<shift, q);
	p.exp -= shift;
	return round_product(to, p, slack, &digits);
}

static double scan_hexadecimal(FILE *f, const struct format *to, int pok)
{
	uint64_t w = 0;
	long long count = 0, point = 0, e = 0;
	int radix = 0, any = 0, more = 0;
	int c = shgetc(f);

	for (; c=='0'; c = shgetc(f)) any = 1;
	if (c=='.') {
		radix = 1;
		for (c = shgetc(f); c=='0'; c = shgetc(f)) any = 1, point--;
	}
	for (;; c = shgetc(f)) {
		int d;
		if (isdigit(c)) d = c-'0';
		else if ((c|32)-'a' < 6U) d = (c|32)-'a' + 10;
		else if (c=='.' && !radix) {
			radix = 1;
			point = count;
			continue;
		} else break;
		if (count++ < 16) w = 16*w + d;
		else if (d) more = 1;
	}
	if (count) any = 1;
	if (!radix) point = count;
	if (!any) {
		/* The 0 before the x is a number. */
		shunget(f);
		if (!pok) return no_number(f);
		shunget(f);
		if (radix) shunget(f);
		return 0;
	}
	if ((c|32)=='p') {
		e = scan_exponent(f, pok);
		if (e == LLONG_MIN) {
			if (!pok) return no_number(f);
			shunget(f);
			e = 0;
		}
	} else shunget(f);

	if (!w) return 0;
	e += 4 * (point - (count<16 ? count : 16));
	if (e > 2000) return out_of_range(INFINITY);
	if (e < -2000) return out_of_range(0);
	int shift = __builtin_clzll(w);
	return round_product(to, (struct product){ w<<shift, more, 0, e-shift-128, 0 }, 0, 0);
}

/* Reads on while the characters are those of a word, whatever their case. Returns how many
 * were; if not all, the next one has been read into *c. */
static int scan_word(FILE *f, int *c, const char *word)
{
	int i = 0;
	while ((*c|32) == word[i]) {
		if (!word[++i]) break;
		*c = shgetc(f);
	}
	return i;
}

double __doublescan(FILE *f, int prec, int pok)
{
	const struct format *to = &formats[prec];
	int c, i;

	/* scanf has other sizes, such as that of %hf, and nothing to read for them. */
	if (prec!=0 && prec!=1) return 0;
	while (isspace((c = shgetc(f))));
	int negative = c=='-';
	if (c=='+' || c=='-') c = shgetc(f);

	if (c-'0' < 10U || c=='.') {
		double y;
		if (c!='0') y = scan_decimal(f, c, to, pok);
		else if ((c = shgetc(f), c|32)=='x') y = scan_hexadecimal(f, to, pok);
		else {
			shunget(f);
			y = scan_decimal(f, '0', to, pok);
		}
		return negative ? -y : y;
	}

	i = scan_word(f, &c, "infinity");
	if (i==3 || i==8 || i>3 && pok) {
		if (i!=8) shunget(f);
		if (i!=8 && pok) for (; i>3; i--) shunget(f);
		return negative ? -INFINITY : INFINITY;
	}
	if (!i && (i = scan_word(f, &c, "nan")) == 3) {
		if (shgetc(f) != '(') {
			shunget(f);
			return NAN;
		}
		for (i=1; c = shgetc(f), isalnum(c) || c=='_'; i++);
		if (c==')') return NAN;
		shunget(f);
		if (pok) {
			while (i--) shunget(f);
			return NAN;
		}
	} else shunget(f);
	errno = EINVAL;
	return no_number(f);
}
