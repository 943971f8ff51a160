/* printf of doubles: up to 18 digits come from the product of the number and a power of ten in
 * 192 bits. Where the error of the product could decide about the rounding, and for more
 * digits, all digits are computed exactly. */
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "decimal.h"
#include "fmt_double.h"
#include "stdio_impl.h"

#define ALT_FORM   (1U<<'#'-' ')
#define ZERO_PAD   (1U<<'0'-' ')
#define LEFT_ADJ   (1U<<'-'-' ')
#define PAD_POS    (1U<<' '-' ')
#define MARK_POS   (1U<<'+'-' ')

#define MAX(a,b) ((a)>(b) ? (a) : (b))
#define MIN(a,b) ((a)<(b) ? (a) : (b))

/* No double has more digits than 1,074 behind the radix point, nor more than 309 before it,
 * nor more than 17 before it if it has any behind it. */
#define DIGITS (17+1074+9)

/* Digits of a number: the first counts 10^e. Behind the last there are only zeros. */
struct digits {
	int n, e;
	char d[DIGITS];
};

/* What has to be written is collected. */
struct output {
	FILE *f;
	int n;
	char buf[128];
};

static void flush(struct output *o)
{
	if (o->n && !(o->f->flags & F_ERR)) __fwritex((void *)o->buf, o->n, o->f);
	o->n = 0;
}

static void put(struct output *o, const char *s, int n)
{
	while (n) {
		if (o->n == sizeof o->buf) flush(o);
		int k = MIN(n, (int)sizeof o->buf - o->n);
		memcpy(o->buf + o->n, s, k);
		o->n += k;
		s += k;
		n -= k;
	}
}

static void fill(struct output *o, char c, int n)
{
	while (n > 0) {
		if (o->n == sizeof o->buf) flush(o);
		int k = MIN(n, (int)sizeof o->buf - o->n);
		memset(o->buf + o->n, c, k);
		o->n += k;
		n -= k;
	}
}

static const uint64_t tens[] = {
	1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u,
	10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
	1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
	10000000000000000000u,
};

/* Writes the digits of x, which has no more than n, with zeros before them. */
static void put_digits(char *s, uint32_t x, int n)
{
	while (n) {
		s[--n] = '0' + x%10;
		x /= 10;
	}
}

/* Computes m * 2^(e-63) * 10^k, rounded, if that is below 10^18 and certain; else returns -1.
 * The highest bit of m is set. */
static int64_t scaled(uint64_t m, int e, int k)
{
	if (k<0 && e<64) {
		/* Integers need no inexact power. */
		int fraction = 63-e;
		if (e<0 || k<-19 || m & (1ull<<fraction)-1) goto inexact;
		uint64_t ten = tens[-k], y = m>>fraction, n = y/ten, rest = y%ten;
		return n + (rest>ten-rest || rest==ten-rest && n&1);
	}
inexact:;
	struct product p = __times_power_of_ten(m, k);
	/* How many bits of w2 are before the radix point. */
	int bits = p.exp + e - 63 + 192;
	if (bits<0) return p.err && bits==-1 && !~p.w2 ? -1 : 0;
	if (bits>61) return -1;
	uint64_t n = bits ? p.w2 >> 64-bits : 0;
	uint64_t rest = p.w2 << bits >> bits, half = 1ull << 63-bits;
	int below = p.w1 || p.w0;
	if (rest>half || rest==half && below) return n+1;
	if (!p.err) return n + (rest==half && n&1);
	if (rest + (p.w1+p.err < p.err) < half) return n;
	return -1;
}

/* Few digits: of %f those up to p behind the radix point, of %e p+1. Returns 0 if it cannot. */
static int few_digits(struct digits *out, uint64_t m, int e, int p, int style)
{
	/* log2(1+x) is x or a bit more, so this is the exponent or, rarely, one less. The
	 * factor is 2^32 times the logarithm of 2. */
	int ten = ((int64_t)e*65536 + (int64_t)(m<<1>>48)) * 1292913986 >> 48;
	int64_t n;
	if (style=='f') {
		if (p>40 || ten+p > 15) return 0;
		n = scaled(m, e, p);
		if (n<0) return 0;
		int count = 0;
		while (count<19 && (uint64_t)n >= tens[count]) count++;
		ten = count-1-p;
		p = count-1;
	} else {
		if (p>16) return 0;
		n = scaled(m, e, p-ten);
		if (n >= (int64_t)tens[p+1]) {
			/* Either ten was too small, or rounding has given a digit more. */
			ten++;
			n = scaled(m, e, p-ten);
		}
		if (n<0 || n < tens[p] || n >= tens[p+1]) return 0;
	}
	out->n = p+1;
	out->e = ten;
	char *s = out->d;
	int left = p+1;
	if (left>9) {
		put_digits(s, n/1000000000, left-9);
		s += left-9;
		n %= 1000000000;
		left = 9;
	}
	put_digits(s, n, left);
	return 1;
}

static void append(struct digits *out, uint32_t x, int n)
{
	char s[9];
	put_digits(s, x, n);
	int i = 0;
	if (!out->n) {
		for (; i<n && s[i]=='0'; i++) out->e--;
		if (i==n) return;
	}
	memcpy(out->d + out->n, s+i, n-i);
	out->n += n-i;
}

/* All digits, or one more than are wanted at least, and then those are rounded. */
static void exact_digits(struct digits *out, uint64_t m, int e, int p, int style)
{
	uint32_t words[36];
	int i, n;
	out->n = 0;
	p = MIN(p, DIGITS);

	/* What is before the radix point, as limbs of nine digits, the lowest first. */
	uint64_t whole = e<0 ? 0 : e<64 ? m >> 63-e : m>>11;
	for (n=0; whole; whole/=1000000000) words[n++] = whole%1000000000;
	if (e>=64) for (int left = e-52; left>0; left-=29) {
		uint64_t x = 0;
		for (i=0; i<n; i++) {
			x += (uint64_t)words[i] << MIN(left, 29);
			words[i] = x%1000000000;
			x /= 1000000000;
		}
		if (x) words[n++] = x;
	}
	out->e = 9*n-1;
	for (i=n; i-->0; ) append(out, words[i], 9);

	/* What is behind it, as a binary fraction, the highest word first. */
	uint64_t fraction = e<0 ? m : e<63 ? m<<e+1 : 0;
	int first = e<0 ? (-e-1)/32 : 0, shift = e<0 ? (-e-1)%32 : 0;
	memset(words, 0, sizeof words);
	words[first] = fraction>>32>>shift;
	words[first+1] = fraction>>shift;
	if (shift) words[first+2] = fraction<<32-shift;
	n = first+3;
	for (int behind = 0; ; behind+=9) {
		while (n && !words[n-1]) n--;
		if (!n || (style=='f' ? behind>p : out->n>p+1)) break;
		uint64_t x = 0;
		for (i=n; i-->0; ) {
			x += (uint64_t)words[i] * 1000000000;
			words[i] = x;
			x >>= 32;
		}
		append(out, x, 9);
	}

	int want = style!='f' ? p+1 : out->n ? out->e+1+p : 0;
	if (want >= out->n) return;
	if (want < 0) {
		out->n = 0;
		return;
	}
	char next = out->d[want];
	int up = next>'5';
	if (next=='5') {
		up = n || want && out->d[want-1]&1;
		for (i=want+1; !up && i<out->n; i++) up = out->d[i]!='0';
	}
	out->n = want;
	if (!up) return;
	while (out->n && out->d[out->n-1]=='9') out->n--;
	if (out->n) out->d[out->n-1]++;
	else {
		out->d[out->n++] = '1';
		out->e++;
	}
}

/* An exponent with its letter and sign, and two digits at least unless it is a binary one's.
 * Returns the length. */
static int exponent(char *s, char letter, int e, int least)
{
	int n = 2;
	unsigned x = e<0 ? -e : e;
	s[0] = letter;
	s[1] = e<0 ? '-' : '+';
	if (x>999) s[n++] = '0' + x/1000;
	if (x>99) s[n++] = '0' + x/100%10;
	if (x>9 || least>1) s[n++] = '0' + x/10%10;
	s[n++] = '0' + x%10;
	return n;
}

/* Begins a number that has l characters but for its sign or prefix; ends it. */
static void begin(struct output *o, const char *prefix, int pl, int w, int l, int fl)
{
	if (!(fl & (LEFT_ADJ|ZERO_PAD))) fill(o, ' ', w-l-pl);
	put(o, prefix, pl);
	if ((fl & (LEFT_ADJ|ZERO_PAD)) == ZERO_PAD) fill(o, '0', w-l-pl);
}

static int end(struct output *o, int pl, int w, int l, int fl)
{
	if (fl & LEFT_ADJ) fill(o, ' ', w-l-pl);
	flush(o);
	return MAX(w, pl+l);
}

static int hexadecimal(struct output *o, const char *prefix, int pl, uint64_t m, int e, int w, int p, int fl, int t)
{
	static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";
	const char *xdigits = t&32 ? lower : upper;
	char buf[15], ebuf[8];
	int n = 0, i;

	m >>= 11; /* one bit before the radix point, 52 behind */
	if (p>=0 && p<13) {
		uint64_t unit = 1ull << 52-4*p, rest = m & unit-1;
		m -= rest;
		if (rest>unit/2 || rest==unit/2 && m&unit) m += unit;
	}
	buf[n++] = '0' + (m>>52);
	m = m<<12;
	if (m || p>0 || fl&ALT_FORM) buf[n++] = '.';
	for (; m; m<<=4) buf[n++] = xdigits[m>>60];
	int zeros = p>0 ? p+2-n : 0;
	int el = exponent(ebuf, t+('p'-'a'), e, 1);
	if (p > INT_MAX-2-el-pl) return -1;
	int l = n+MAX(zeros, 0)+el;
	begin(o, prefix, pl, w, l, fl);
	put(o, buf, n);
	fill(o, '0', zeros);
	put(o, ebuf, el);
	return end(o, pl, w, l, fl);
}

int __fmt_double(FILE *f, double y, int w, int p, int fl, int t)
{
	struct output o;
	struct digits digits;
	uint64_t m = (union { double f; uint64_t i; }){ y }.i;
	const char *prefix;
	int pl = 1, e = (m>>52 & 0x7ff) - 1023;

	o.f = f;
	o.n = 0;
	if (m>>63) prefix = t&32 ? "-0x" : "-0X";
	else if (fl & MARK_POS) prefix = t&32 ? "+0x" : "+0X";
	else if (fl & PAD_POS) prefix = t&32 ? " 0x" : " 0X";
	else prefix = t&32 ? "0x" : "0X", pl = 0;

	/* The number is m * 2^(e-63), and the highest bit of m is set. */
	m <<= 11;
	if (e == 1024) {
		fl &= ~ZERO_PAD;
		begin(&o, prefix, pl, w, 3, fl);
		put(&o, m<<1 ? t&32 ? "nan" : "NAN" : t&32 ? "inf" : "INF", 3);
		return end(&o, pl, w, 3, fl);
	}
	if (e >= -1022) m |= 1ull<<63;
	else if (m<<1) {
		int shift = __builtin_clzll(m<<1) + 1;
		m <<= shift;
		e = -1022-shift;
	} else m = e = 0;

	int style = t|32;
	if (style=='a') return hexadecimal(&o, prefix, pl+2, m, e, w, p, fl, t);

	if (p<0) p = 6;
	if (style=='g' && p) p--;
	if (!m) digits.n = 0;
	else if (!few_digits(&digits, m, e, p, style)) exact_digits(&digits, m, e, p, style);
	if (!digits.n) {
		digits.d[digits.n++] = '0';
		digits.e = 0;
	}

	e = digits.e;
	if (style=='g') {
		/* p is that of %e, whose exponent decides. */
		style = 'e';
		if (p>=e && e>=-4) style = 'f', p -= e;
		if (!(fl & ALT_FORM)) {
			while (digits.n>1 && digits.d[digits.n-1]=='0') digits.n--;
			p = MIN(p, style=='f' ? MAX(0, digits.n-1-e) : digits.n-1);
		}
	}
	int point = p || fl&ALT_FORM;
	if (p > INT_MAX-1-point) return -1;
	int l = 1 + p + point, el = 0;
	char ebuf[8];
	if (style=='f') {
		if (e > INT_MAX-l) return -1;
		if (e>0) l += e;
	} else {
		el = exponent(ebuf, t-('g'-'e')*((t|32)=='g'), e, 2);
		if (el > INT_MAX-l) return -1;
		l += el;
	}
	if (l > INT_MAX-pl) return -1;

	begin(&o, prefix, pl, w, l, fl);
	int whole = style=='f' ? e+1 : 1; /* digits before the radix point */
	const char *d = digits.d;
	int n = digits.n;
	if (whole<=0) put(&o, "0", 1);
	else {
		int k = MIN(n, whole);
		put(&o, d, k);
		fill(&o, '0', whole-k);
		d += k;
		n -= k;
	}
	if (point) put(&o, ".", 1);
	if (whole<0) {
		int zeros = MIN(p, -whole);
		fill(&o, '0', zeros);
		p -= zeros;
	}
	n = MIN(n, p);
	put(&o, d, n);
	fill(&o, '0', p-n);
	put(&o, ebuf, el);
	return end(&o, pl, w, l, fl);
}
