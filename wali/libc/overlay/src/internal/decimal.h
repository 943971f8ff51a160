/* Between binary and decimal: products of 64-bit numbers and powers of ten, with a bound of
 * their error. strtod and printf of doubles use them where the error cannot matter, and
 * exact arithmetic elsewhere. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <features.h>
#include <stdint.h>

/* A product: (w2*2^128 + w1*2^64 + w0) * 2^exp is at most the number meant, which is less
 * than (w2*2^128 + (w1+err)*2^64 + w0) * 2^exp, or equal if err is 0. */
struct product {
	uint64_t w2, w1, w0;
	int exp;
	unsigned err;
};

/* What __times_power_of_ten takes. */
#define POWER_OF_TEN_MIN (-364)
#define POWER_OF_TEN_MAX 363

/* Computes m * 10^q. The highest bit of m is set; that of w2 is, or the one below. */
hidden struct product __times_power_of_ten(uint64_t m, int q);

#endif
