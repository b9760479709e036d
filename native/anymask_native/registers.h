/* Numbers of one register of the processor: 16 with AVX-512, 8 with AVX2. */

#ifndef ANYMASK_REGISTERS_H
#define ANYMASK_REGISTERS_H

#include <math.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

typedef float Vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int Ints __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE Vec load(const float *at) { return *(const Vec *)at; }
INLINE void store(float *at, Vec x) { *(Vec *)at = x; }
/* What the next part needs: no processor guesses where rows go on. */
INLINE void soon(const float *at) { __builtin_prefetch(at, 0, 2); }
INLINE Vec all(float x) { return (Vec){} + x; }
INLINE Vec larger(Vec a, Vec b)
{
    Ints first = a > b;
    return (Vec)(((Ints)a & first) | ((Ints)b & ~first));
}

INLINE float largest(Vec x)
{
    float most = x[0];
    for (int i = 1; i < LANES; i++) most = fmaxf(most, x[i]);
    return most;
}

INLINE float sum(Vec x)
{
    float total = 0;
    for (int i = 0; i < LANES; i++) total += x[i];
    return total;
}

/* e^x of x <= 0: a power of two by the exponent's bits, what is left by a polynomial (fitted by
 * least squares, relative error 2e-9). */
INLINE Vec exponential(Vec x)
{
    x = larger(x, all(-87)) * 1.44269504f;
    Vec rounding = all(12582912); /* 1.5 * 2^23: what is added to it loses its fraction */
    Vec whole = (x + rounding) - rounding, left = x - whole;
    Vec y = all(1.53533620e-4f);
    y = y * left + 1.33988745e-3f;
    y = y * left + 9.61843736e-3f;
    y = y * left + 5.55033247e-2f;
    y = y * left + 2.40226479e-1f;
    y = y * left + 6.93147203e-1f;
    y = y * left + 1;
    return (Vec)((Ints)y + (__builtin_convertvector(whole, Ints) << 23));
}

/* x times the normal distribution's integral up to x (GELU): that less a half is an odd rational
 * function of x, and a constant beyond 5.5. 2e-6 off at most. */
INLINE Vec gelu(Vec x)
{
    Vec above = larger(x, all(-5.5f)), near = -larger(-above, all(-5.5f)), z = near * near;
    Vec over = all(2.22174439e-8f), under = all(1.19543074e-6f);
    over = over * z + 6.5305876e-6f;
    over = over * z + 1.82837786e-4f;
    over = over * z + 4.76149376e-3f;
    over = over * z + 3.51403467e-2f;
    over = over * z + 3.98941994e-1f;
    under = under * z + 7.86036544e-5f;
    under = under * z + 1.96231971e-3f;
    under = under * z + 2.93975566e-2f;
    under = under * z + 2.54747361e-1f;
    under = under * z + 1;
    return above * (near * (over / under) + .5f);
}

/* ---- Numbers that change registers ---- */

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Ints){__VA_ARGS__})
#endif

#if defined(__AVX512F__)
/* Of two registers every other group of numbers, from the first or the second on. */
#define EVERY_OTHER(a, b, size, odd)                                                      \
    SHUFFLE(a, b, AT(size, odd, 0), AT(size, odd, 1), AT(size, odd, 2), AT(size, odd, 3), \
            AT(size, odd, 4), AT(size, odd, 5), AT(size, odd, 6), AT(size, odd, 7),       \
            AT(size, odd, 8), AT(size, odd, 9), AT(size, odd, 10), AT(size, odd, 11),     \
            AT(size, odd, 12), AT(size, odd, 13), AT(size, odd, 14), AT(size, odd, 15))
#define AT(size, odd, i) (((i) / (size)*2 + (odd)) * (size) + (i) % (size))
#define FOLD(size, a, b) (EVERY_OTHER(a, b, size, 0) + EVERY_OTHER(a, b, size, 1))

/* The sums of sixteen registers, by adding halves. */
INLINE Vec sums_of(const Vec *v)
{
    Vec a = FOLD(4, FOLD(8, v[0], v[1]), FOLD(8, v[2], v[3]));
    Vec b = FOLD(4, FOLD(8, v[4], v[5]), FOLD(8, v[6], v[7]));
    Vec c = FOLD(4, FOLD(8, v[8], v[9]), FOLD(8, v[10], v[11]));
    Vec d = FOLD(4, FOLD(8, v[12], v[13]), FOLD(8, v[14], v[15]));
    return FOLD(1, FOLD(2, a, b), FOLD(2, c, d));
}

#define LOWER(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER(a, b) SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#else
#define LOWER(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define UPPER(a, b) SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#endif

/* As many registers as each has numbers, rows to columns: shuffled like halves of a deck of cards,
 * as often as lanes can be halved. */
INLINE void turn(Vec *v)
{
    for (int halves = LANES; halves > 1; halves /= 2) {
        Vec shuffled[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            shuffled[2 * i] = LOWER(v[i], v[i + LANES / 2]);
            shuffled[2 * i + 1] = UPPER(v[i], v[i + LANES / 2]);
        }
        for (int i = 0; i < LANES; i++) v[i] = shuffled[i];
    }
}

#endif
