// flags: -lm
// Mathematics: elementary functions, rounding, classification, complex numbers, long double.
#include "common.h"
#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdint.h>

#define F1(name) for (int i = 0; i < 6; i++) printf(#name "(%g) = %.12g %.5g\n", x[i], name(x[i]), (double)name##f((float)x[i]));

int main(void)
{
	volatile double x[6] = { 0.5, -0.75, 1.0, 2.25, 10.0, 1e-5 };
	F1(sin) F1(cos) F1(tan) F1(atan) F1(sinh) F1(cosh) F1(tanh) F1(exp) F1(exp2) F1(expm1)
	F1(cbrt) F1(erf) F1(erfc) F1(asinh) F1(fabs)
	for (int i = 0; i < 6; i++) {
		double p = fabs(x[i]);
		printf("%.12g %.12g %.12g %.12g %.12g %.12g\n", sqrt(p), log(p), log2(p), log10(p), log1p(p), lgamma(p + 1));
		printf("%.12g %.12g %.12g %.12g\n", pow(p, 1.7), hypot(p, 2), atan2(x[i], -1), tgamma(p + 1));
	}
	volatile double r[] = { 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, -2.6, 1e15 + 0.5, 4503599627370497.5 };
	for (int i = 0; i < 10; i++)
		printf("%g: %g %g %g %g %g %g %ld %lld %ld\n", r[i], floor(r[i]), ceil(r[i]), trunc(r[i]), round(r[i]), rint(r[i]), nearbyint(r[i]), lround(r[i]), llrint(r[i]), lrintf((float)r[i]));
	int e; double ip;
	double m = frexp(48.0, &e);
	printf("%g %d\n", m, e);
	m = modf(-3.25, &ip);
	printf("%g %g\n", m, ip);
	printf("%g %g %g %g\n", ldexp(0.75, 4), scalbn(1.5, -3), logb(100), fmod(-7.5, 2));
	printf("%g %g %g %g %d\n", remainder(7.5, 2), copysign(3, -0.0), fmax(NAN, 2), fmin(1, NAN), ilogb(0.1));
	printf("%a %g %a\n", nextafter(1, 2), nextafter(0, -1), nexttoward(1, 0));
	printf("%.17g %.17g\n", fma(0.1, 10, -1), fdim(3, 1));
	printf("%d %d %d %d %d\n", isnan(NAN) != 0, isinf(INFINITY) != 0, isfinite(1.0) != 0, isnormal(1e-310) != 0, signbit(-0.0) != 0);
	printf("%d %d %d\n", fpclassify(0.0) == FP_ZERO, fpclassify(1e-310) == FP_SUBNORMAL, fpclassify(1.0) == FP_NORMAL);
	errno = 0; printf("%d ", isnan(sqrt(x[1])) != 0); printf("%d ", isnan(log(x[1])) != 0); printf("%d\n", isinf(exp(1000 * x[2])) != 0);
	volatile long double l = 2;
	printf("%.15Lg %.15Lg %.15Lg %.15Lg\n", sqrtl(l), expl(l), logl(l), powl(l, 0.5L));
	printf("%.15Lg %.15Lg %Lg %Lg %ld\n", sinl(l), atan2l(l, 3), floorl(-2.5L), roundl(2.5L), lroundl(2.5L));
	printf("%d %d\n", LDBL_MANT_DIG >= 64, LDBL_MAX_EXP);
	printf("%.12g %.12g\n", j0(1.5), y1(2.5));
	double complex z = 3 + 4 * I;
	volatile double re = 1.5;
	double complex w = re + re * I;
	printf("%g %.10g %g%+gi %.10g%+.10gi\n", cabs(z), carg(z), creal(z * w), cimag(z * w), creal(z / w), cimag(z / w));
	printf("%.10g%+.10gi %.10g%+.10gi\n", creal(csqrt(z)), cimag(csqrt(z)), creal(cexp(w)), cimag(cexp(w)));
	/* Integers of 128 bits and conversions between all widths. */
	volatile unsigned long long a = 0x123456789abcdef0, b = 0xfedcba9876543210;
	unsigned __int128 p = (unsigned __int128)a * b;
	printf("%llx%016llx %llx\n", (unsigned long long)(p >> 64), (unsigned long long)p, (unsigned long long)(p / (b / 3)));
	volatile double big = 1e18, neg = -1e18;
	volatile float f = 16777217;
	printf("%lld %lld %llu %d %u %g\n", (long long)big, (long long)neg, (unsigned long long)1.5e19, (int)-2.9, (unsigned)4e9, f);
	printf("%.17g %.9g\n", (double)a, (double)(float)b);
	/* Whether a number fits into an integer, as programs ask. */
	volatile double sizes[] = { 3, 1e20, -1e20, 1e300, 3.5, -7, 1e10, NAN, INFINITY };
	for (int i = 0; i < 9; i++) {
		double d = sizes[i];
		printf("%g: %d %d %d %d\n", d, (double)(uint64_t)d == floor(d), (double)(int64_t)d == floor(d), (double)(int)d == d, (float)(int)(float)d == (float)d);
	}
	return 0;
}
