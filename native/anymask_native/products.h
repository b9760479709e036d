/* Products about a part of an image's positions, sums in registers. */

#ifndef ANYMASK_PRODUCTS_H
#define ANYMASK_PRODUCTS_H

#include "registers.h"

enum {
    PART = 256, /* positions: a power of two, which steps of twice the lanes divide */
    BLOCK = LANES == 16 ? 8 : 6, /* rows whose sums fit the registers, of which AVX2 has 16 */
    TILE = 4,                    /* rows by rows whose products fit them */
};

INLINE int least(int a, int b) { return a < b ? a : b; }

/* How many positions of a part are computed, of so many that are there. */
INLINE int whole(long here)
{
    return here >= PART ? PART : (here + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
}

/* out (rows, PART) = a^T b, or more by that, in `wide` columns. a: (count, rows); b: (count, wide),
 * `stride` apart. */
INLINE void multiply(const float *a, const float *b, long stride, int count, int wide, float *out,
                     int more, const int rows)
{
    for (int l = 0; l < wide; l += 2 * LANES) {
        Vec sums[8][2];
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < 2; i++)
                sums[r][i] = more ? load(out + r * PART + l + i * LANES) : all(0);
        for (int k = 0; k < count; k++) {
            Vec here = load(b + k * stride + l), beside = load(b + k * stride + l + LANES);
            soon(b + k * stride + l + PART);
            soon(b + k * stride + l + PART + LANES);
            for (int r = 0; r < rows; r++) {
                Vec factor = all(a[k * rows + r]);
                sums[r][0] += factor * here;
                sums[r][1] += factor * beside;
            }
        }
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < 2; i++) store(out + r * PART + l + i * LANES, sums[r][i]);
    }
}

/* The same for any number of rows, of factors from `pack`. */
static inline void product(const float *packed, int rows, const float *b, long stride, int count,
                           int wide, float *out, int more)
{
    for (int r = 0; r < rows; r += BLOCK) {
        const float *a = packed + (long)r * count;
        float *to = out + (long)r * PART;
        switch (least(BLOCK, rows - r)) { /* known to the compiler, sums stay in registers */
        case 1: multiply(a, b, stride, count, wide, to, more, 1); break;
        case 2: multiply(a, b, stride, count, wide, to, more, 2); break;
        case 3: multiply(a, b, stride, count, wide, to, more, 3); break;
        case 4: multiply(a, b, stride, count, wide, to, more, 4); break;
        case 5: multiply(a, b, stride, count, wide, to, more, 5); break;
        case 6: multiply(a, b, stride, count, wide, to, more, 6); break;
        case 7: multiply(a, b, stride, count, wide, to, more, 7); break;
        default: multiply(a, b, stride, count, wide, to, more, 8);
        }
    }
}

/* Factors (rows, count), `down` and `along` apart, as `product` takes them: blocks of rows, each
 * (count, its rows). */
static inline void pack(const float *from, long down, long along, int rows, int count, float *to)
{
    for (int r = 0; r < rows; r += BLOCK)
        for (int k = 0; k < count; k++)
            for (int i = r; i < least(r + BLOCK, rows); i++) *to++ = from[i * down + k * along];
}

/* Add a tile of a b^T to (TILE, TILE). a, b: (TILE, wide), rows PART and `stride` apart. */
INLINE void tile(const float *a, const float *b, long stride, int wide, float *out)
{
    enum { ROWS = LANES == 16 ? TILE : TILE / 2 }; /* at once */
    for (int row = 0; row < TILE; row += ROWS) {
        Vec sums[ROWS * TILE];
        for (int i = 0; i < ROWS * TILE; i++) sums[i] = all(0);
        for (int l = 0; l < wide; l += LANES) {
            Vec x[ROWS], y[TILE];
            for (int i = 0; i < ROWS; i++) x[i] = load(a + (row + i) * PART + l);
            for (int j = 0; j < TILE; j++) {
                y[j] = load(b + j * stride + l);
                soon(b + j * stride + l + PART);
            }
            for (int i = 0; i < ROWS; i++)
                for (int j = 0; j < TILE; j++) sums[i * TILE + j] += x[i] * y[j];
        }
#if defined(__AVX512F__)
        store(out, load(out) + sums_of(sums));
#else
        for (int i = 0; i < ROWS * TILE; i++) out[row * TILE + i] += sum(sums[i]);
#endif
    }
}

/* Add a b^T to `tiles` (rows / 4, count / 4, 4, 4). a: (rows, PART), and up to three rows more that
 * are read in vain; b: (count, wide). */
static inline void add_tiles(const float *a, int rows, const float *b, long stride, int count,
                             int wide, float *tiles)
{
    for (int r = 0; r < rows; r += TILE)
        for (int c = 0; c < count; c += TILE, tiles += TILE * TILE)
            tile(a + (long)r * PART, b + c * stride, stride, wide, tiles);
}

/* A row of tiles by a factor. */
static inline void scale_row(float *tiles, int row, int count, float factor)
{
    float *at = tiles + (long)(row / TILE) * TILE * count + row % TILE * TILE;
    for (int c = 0; c < count; c += TILE, at += TILE * TILE)
        for (int i = 0; i < TILE; i++) at[i] *= factor;
}

/* Rows of tiles as (rows, count), each by its factor. */
static inline void unpack(const float *tiles, int rows, int count, const float *factors, float *to)
{
    for (int r = 0; r < rows; r++) {
        const float *at = tiles + (long)(r / TILE) * TILE * count + r % TILE * TILE;
        for (int c = 0; c < count; c++)
            to[(long)r * count + c] = at[(long)(c / TILE) * TILE * TILE + c % TILE] * factors[r];
    }
}

INLINE long padded(long rows) { return (rows + TILE - 1) / TILE * TILE; }

#endif
