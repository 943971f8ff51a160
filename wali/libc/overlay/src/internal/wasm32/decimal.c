#include "decimal.h"

#define STEP 28

/* The leading 128 bits of 10^q for every 28th q. Below 10^56 these are all. */
static const uint64_t large[][2] = {
	{ 0xe1afa13afbd14d6d, 0x82189c09a3a1ec21 }, /* -364 */
	{ 0xe3e27a444d8d98b7, 0xfd1b1b2308169b25 }, /* -336 */
	{ 0xe61acf033d1a45df, 0x6fb92487298e33bd }, /* -308 */
	{ 0xe858ad248f5c22c9, 0xd1b3400f8f9cff68 }, /* -280 */
	{ 0xea9c227723ee8bcb, 0x465e15a979c1cadc }, /* -252 */
	{ 0xece53cec4a314ebd, 0xa4f8bf5635246428 }, /* -224 */
	{ 0xef340a98172aace4, 0x86fb897116c87c34 }, /* -196 */
	{ 0xf18899b1bc3f8ca1, 0xdc44e6c3cb279ac1 }, /* -168 */
	{ 0xf3e2f893dec3f126, 0x5a89dba3c3efccfa }, /* -140 */
	{ 0xf64335bcf065d37d, 0x4d4617b5ff4a16d5 }, /* -112 */
	{ 0xf8a95fcf88747d94, 0x75a44c6397ce912a }, /* -84 */
	{ 0xfb158592be068d2e, 0xeed6e2f0f0d56712 }, /* -56 */
	{ 0xfd87b5f28300ca0d, 0x8bca9d6e188853fc }, /* -28 */
	{ 0x8000000000000000, 0x0000000000000000 }, /* 0 */
	{ 0x813f3978f8940984, 0x4000000000000000 }, /* 28 */
	{ 0x82818f1281ed449f, 0xbff8f10e7a8921a4 }, /* 56 */
	{ 0x83c7088e1aab65db, 0x792667c6da79e0fa }, /* 84 */
	{ 0x850fadc09923329e, 0x03e2cf6bc604ddb0 }, /* 112 */
	{ 0x865b86925b9bc5c2, 0x0b8a2392ba45a9b2 }, /* 140 */
	{ 0x87aa9aff79042286, 0x90fb44d2f05d0842 }, /* 168 */
	{ 0x88fcf317f22241e2, 0x441fece3bdf81f03 }, /* 196 */
	{ 0x8a5296ffe33cc92f, 0x82bd6b70d99aaa6f }, /* 224 */
	{ 0x8bab8eefb6409c1a, 0x1ad089b6c2f7548e }, /* 252 */
	{ 0x8d07e33455637eb2, 0xdb0b487b6423e1e8 }, /* 280 */
	{ 0x8e679c2f5e44ff8f, 0x570f09eaa7ea7648 }, /* 308 */
	{ 0x8fcac257558ee4e6, 0x213a4f0aa5e8a7b1 }, /* 336 */
};

static const uint64_t five[STEP] = {
	1u, 5u, 25u, 125u,
	625u, 3125u, 15625u, 78125u,
	390625u, 1953125u, 9765625u, 48828125u,
	244140625u, 1220703125u, 6103515625ull, 30517578125ull,
	152587890625ull, 762939453125ull, 3814697265625ull, 19073486328125ull,
	95367431640625ull, 476837158203125ull, 2384185791015625ull, 11920928955078125ull,
	59604644775390625ull, 298023223876953125ull, 1490116119384765625ull, 7450580596923828125ull,
};

/* There is no instruction for this. */
static inline uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
	uint64_t al = (uint32_t)a, ah = a>>32, bl = (uint32_t)b, bh = b>>32;
	uint64_t ll = al*bl, lh = al*bh, hl = ah*bl;
	uint64_t middle = (ll>>32) + (uint32_t)lh + hl;
	*high = ah*bh + (lh>>32) + (middle>>32);
	return middle<<32 | (uint32_t)ll;
}

/* (h:l) * m as three words. */
static inline void multiply_wide(uint64_t h, uint64_t l, uint64_t m, uint64_t w[3])
{
	uint64_t carry;
	w[0] = multiply(l, m, &carry);
	w[1] = multiply(h, m, &w[2]);
	w[1] += carry;
	w[2] += w[1] < carry;
}

struct product __times_power_of_ten(uint64_t m, int q)
{
	uint64_t w[3];
	int i = (q - POWER_OF_TEN_MIN) / STEP, r = (q - POWER_OF_TEN_MIN) % STEP;
	uint64_t h = large[i][0], l = large[i][1];
	if (r) {
		multiply_wide(h, l, five[r] << __builtin_clzll(five[r]), w);
		h = w[2];
		l = w[1];
		if (!(h>>63)) {
			h = h<<1 | l>>63;
			l = l<<1 | w[0]>>63;
		}
	}
	multiply_wide(h, l, m, w);
	/* The entry lacks less than one unit of its last bit. Times a number below 2^64, and
	 * shifted, these are less than two units of l; what is cut off there is the third. */
	return (struct product){ w[2], w[1], w[0], (q*1741647 >> 19) - 127, q>=0 && q<2*STEP ? 0 : 3 };
}
