/* Products of bfloat16 numbers, summed up in float32: two steps of a sum in one instruction.
 *
 * Two numbers that follow each other in a sum are a pair: the first in the lower half of an int.
 */

#ifndef ANYMASK_HALVES_H
#define ANYMASK_HALVES_H

#include "products.h"

/* Pairs of two registers' numbers, rounded to the nearest, ties to even. */
INLINE Ints paired(Vec first, Vec second)
{
    Ints a = (Ints)first, b = (Ints)second;
    a += ((a >> 16) & 1) + 0x7fff;
    b += ((b >> 16) & 1) + 0x7fff;
    return ((a >> 16) & 0xffff) | (b & (int)0xffff0000);
}

INLINE int pair(float first, float second) { return paired(all(first), all(second))[0]; }

/* Rows (count, wide) as pairs (count / 2, PART), of an odd count with zeros. */
static inline void pair_rows(const float *rows, long stride, int count, int wide, int *to)
{
    for (int k = 0; k < count; k += 2, to += PART)
        for (int l = 0; l < wide; l += LANES) {
            Vec second = k + 1 < count ? load(rows + (k + 1) * stride + l) : all(0);
            *(Ints *)(to + l) = paired(load(rows + k * stride + l), second);
        }
}

/* Factors (count, rows), `stride` apart, as `product_of_pairs` takes them: of blocks of rows. */
static inline void pack_pairs(const float *from, long stride, int rows, int count, int *to)
{
    for (int r = 0; r < rows; r += BLOCK)
        for (int k = 0; k < count; k += 2)
            for (int i = r; i < least(r + BLOCK, rows); i++)
                *to++ = pair(from[k * stride + i], k + 1 < count ? from[(k + 1) * stride + i] : 0);
}

#if defined(__AVX512BF16__)
#include <immintrin.h>

INLINE Vec add_pairs(Vec sum, Ints a, Ints b)
{
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

/* out (rows, PART) and a^T b, in `wide` columns. a: pairs (count, rows); b: pairs (count, PART). */
INLINE void multiply_pairs(const int *a, const int *b, int count, int wide, float *out,
                           const int rows)
{
    for (int l = 0; l < wide; l += 2 * LANES) {
        Vec sums[BLOCK][2];
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < 2; i++) sums[r][i] = load(out + r * PART + l + i * LANES);
        for (int k = 0; k < count; k++) {
            const Ints *at = (const Ints *)(b + (long)k * PART + l);
            for (int r = 0; r < rows; r++) {
                Ints factor = (Ints){} + a[k * rows + r];
                sums[r][0] = add_pairs(sums[r][0], factor, at[0]);
                sums[r][1] = add_pairs(sums[r][1], factor, at[1]);
            }
        }
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < 2; i++) store(out + r * PART + l + i * LANES, sums[r][i]);
    }
}

/* The same for as many rows as BLOCK divides. */
static inline void product_of_pairs(const int *packed, int rows, const int *b, int count, int wide,
                                    float *out)
{
    for (int r = 0; r < rows; r += BLOCK)
        multiply_pairs(packed + (long)r * count, b, count, wide, out + (long)r * PART, BLOCK);
}
#endif

#endif
