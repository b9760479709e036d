/* Products about a part of an image's positions, in registers. */

#ifndef ANYMASK_PRODUCTS_H
#define ANYMASK_PRODUCTS_H

#include <math.h>

/* ---- Numbers of one register ---- */

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
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

/* ---- Products about a part of the positions ---- */

enum {
    PART = 256, /* positions; a power of two, and twice the lanes divide it */
    BLOCK = 8,  /* rows whose sums fit the registers */
    TILE = 4,   /* rows by rows whose products fit them */
};

INLINE int least(int a, int b) { return a < b ? a : b; }

/* out (rows, PART) = a^T b, or more by that. a: (count, rows); b: (count, PART), `stride` apart. */
INLINE void multiply(const float *a, const float *b, long stride, int count, float *out, int more,
                     const int rows)
{
    for (int l = 0; l < PART; l += 2 * LANES) {
        Vec sums[BLOCK][2];
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
                           float *out, int more)
{
    for (int r = 0; r < rows; r += BLOCK) {
        const float *a = packed + (long)r * count;
        float *to = out + (long)r * PART;
        switch (least(BLOCK, rows - r)) { /* known to the compiler, sums stay in registers */
        case 1: multiply(a, b, stride, count, to, more, 1); break;
        case 2: multiply(a, b, stride, count, to, more, 2); break;
        case 3: multiply(a, b, stride, count, to, more, 3); break;
        case 4: multiply(a, b, stride, count, to, more, 4); break;
        case 5: multiply(a, b, stride, count, to, more, 5); break;
        case 6: multiply(a, b, stride, count, to, more, 6); break;
        case 7: multiply(a, b, stride, count, to, more, 7); break;
        default: multiply(a, b, stride, count, to, more, BLOCK);
        }
    }
}

/* Factors (rows, count) as `product` takes them: blocks of rows, each (count, its rows). */
static inline void pack(const float *from, int rows, int count, float *to)
{
    for (int r = 0; r < rows; r += BLOCK) {
        int width = least(BLOCK, rows - r);
        for (int k = 0; k < count; k++)
            for (int i = 0; i < width; i++) *to++ = from[(long)(r + i) * count + k];
    }
}

#if defined(__AVX512F__)
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Ints){__VA_ARGS__})
#endif
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
#endif

/* Add a tile of a b^T to (TILE, TILE). a, b: (TILE, PART), b's rows `stride` apart. */
INLINE void tile(const float *a, const float *b, long stride, float *out)
{
    Vec sums[TILE * TILE];
    for (int i = 0; i < TILE * TILE; i++) sums[i] = all(0);
    for (int l = 0; l < PART; l += LANES) {
        Vec x[TILE], y[TILE];
        for (int i = 0; i < TILE; i++) {
            x[i] = load(a + i * PART + l);
            y[i] = load(b + i * stride + l);
            soon(b + i * stride + l + PART);
        }
        for (int i = 0; i < TILE; i++)
            for (int j = 0; j < TILE; j++) sums[i * TILE + j] += x[i] * y[j];
    }
#if defined(__AVX512F__)
    store(out, load(out) + sums_of(sums));
#else
    for (int i = 0; i < TILE * TILE; i++) out[i] += sum(sums[i]);
#endif
}

/* Add a b^T to `tiles` (rows / 4, count / 4, 4, 4). a: (rows, PART), and up to three rows more that
 * are read in vain; b: (count, PART). */
static inline void add_tiles(const float *a, int rows, const float *b, long stride, int count,
                             float *tiles)
{
    for (int r = 0; r < rows; r += TILE)
        for (int c = 0; c < count; c += TILE, tiles += TILE * TILE)
            tile(a + (long)r * PART, b + c * stride, stride, tiles);
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
