/* The mask decoder's upscaling of an image that is a sum of few rows, to logits of masks:
 * MaskDecoder._told_logits (anymask/models/mask_decoder.py), compiled.
 *
 * A part of the positions goes from sums of rows to logits before the next is begun. Positions are
 * columns throughout, so that a norm over channels adds registers, and what a GELU gives is what the
 * next product takes.
 *
 * Shapes: P prompts, N rows told, L positions, A the pixels that a position becomes first (4, or 1 of
 * them), C their channels, B the pixels that each of those becomes (likewise), F their features, M
 * masks.
 */

#include "halves.h"
#include "parts.h"

typedef struct {
    int prompts, told, channels, features, masks; /* N, C, F, M */
    int first, second;                            /* A, B */
    int half;                                     /* products in bfloat16, but for the last */
    long length, apart, stride; /* L; how far prompts' steps, and rows, are apart */
    float epsilon;
    const float *own;           /* (L, A C), the image's */
    const float *steps, *rows;  /* (P, N.., L), (P, N, A C): what is added */
    const float *variance;      /* (P, L), what the sum should be divided by the root of */
    const float *gain, *shift;  /* (C,), of the norm */
    const float *weight, *bias; /* (C, B F) and (B F,), of the second convolution */
    const float *hyper;         /* (P, M, F) */
    float *out;                 /* (P, M, A B L) */
} Upscaling;

typedef struct {
    int of;                           /* whose rows and hyper: a prompt; -1 at first */
    float *rows, *weight, *hyper;     /* packed; pairs, if half */
    float *steps, *sums, *rate;       /* of a part; sums: (A C, PART) */
    float *steps_in_pairs, *in_pairs; /* if half */
    float *features, *logits;         /* (B F, PART) and (A B, M, PART) */
} Place;

static void *open_place(const void *given)
{
    const Upscaling *call = given;
    Place here = {.of = -1}, *place;
    long wide = call->first * call->channels, last = call->second * call->features;
    long told = call->told + 1;
    Wanted wanted[] = {
        {&here.rows, wide * told},
        {&here.weight, call->channels * last},
        {&here.hyper, (long)call->masks * call->features},
        {&here.steps, told * PART},
        {&here.sums, wide * PART},
        {&here.rate, PART},
        {&here.steps_in_pairs, call->half ? told / 2 * PART : 0},
        {&here.in_pairs, call->half ? (long)call->channels / 2 * PART : 0},
        {&here.features, last * PART},
        {&here.logits, (long)call->first * call->second * call->masks * PART},
    };
    place = reserve(sizeof here, wanted, sizeof wanted / sizeof *wanted);
    if (place) *place = here;
    return place;
}

static void pack_factors(const Upscaling *call, Place *place, int prompt)
{
    int wide = call->first * call->channels, last = call->second * call->features;
    int told = call->told;
    if (place->of == prompt) return;
    const float *rows = call->rows + (long)prompt * told * wide;
    if (call->half) {
        pack_pairs(rows, wide, wide, told, (int *)place->rows);
        if (place->of < 0)
            pack_pairs(call->weight, last, last, call->channels, (int *)place->weight);
    } else {
        pack(rows, 1, wide, wide, told, place->rows);
        if (place->of < 0) pack(call->weight, 1, last, last, call->channels, place->weight);
    }
    pack(call->hyper + (long)prompt * call->masks * call->features, call->features, 1, call->masks,
         call->features, place->hyper);
    place->of = prompt;
}

/* Positions (here, count) as columns: (count, PART). */
static void turned(const float *from, long here, int count, float *to)
{
    for (int l = 0; l < whole(here); l += LANES)
        for (int c = 0; c < count; c += LANES) {
            Vec square[LANES];
            for (int i = 0; i < LANES; i++)
                square[i] = l + i < here ? load(from + (long)(l + i) * count + c) : all(0);
            turn(square);
            for (int i = 0; i < LANES; i++) store(to + (long)(c + i) * PART + l, square[i]);
        }
}

/* The image's share and the rows, in `sums`. */
static void add_rows(const Upscaling *call, const Place *place, int prompt, long from, int wide)
{
    int channels = call->first * call->channels;
    const float *all_steps = call->steps + prompt * call->apart;
    Rows steps = part_of(all_steps, call->stride, call->length, from, call->told, place->steps);
    turned(call->own + from * channels, call->length - from, channels, place->sums);
#if defined(__AVX512BF16__)
    if (call->half) {
        int *pairs = (int *)place->steps_in_pairs;
        pair_rows(steps.at, steps.stride, call->told, wide, pairs);
        product_of_pairs((int *)place->rows, channels, pairs, (call->told + 1) / 2, wide,
                         place->sums);
        return;
    }
#endif
    product(place->rows, channels, steps.at, steps.stride, call->told, wide, place->sums, 1);
}

/* Norm over the channels of a pixel, and GELU: in place, or in pairs. variance: of each column. */
static void normalize(const Upscaling *call, const Place *place, float *sums, const float *variance,
                      int wide)
{
    int channels = call->channels;
    for (int l = 0; l < wide; l += LANES) {
        Vec squares = all(0);
        for (int c = 0; c < channels; c++) {
            Vec x = load(sums + (long)c * PART + l);
            squares += x * x;
        }
        store(place->rate + l, squares / (float)channels + load(variance + l) * call->epsilon);
    }
    for (int l = 0; l < wide; l++) place->rate[l] = 1 / sqrtf(place->rate[l]);
    for (int c = 0; c < channels; c += 2)
        for (int l = 0; l < wide; l += LANES) {
            float *at = sums + (long)c * PART + l;
            Vec rate = load(place->rate + l);
            Vec first = gelu(load(at) * rate * call->gain[c] + call->shift[c]);
            Vec second = gelu(load(at + PART) * rate * call->gain[c + 1] + call->shift[c + 1]);
            if (call->half) {
                *(Ints *)(place->in_pairs + (long)c / 2 * PART + l) = paired(first, second);
            } else {
                store(at, first);
                store(at + PART, second);
            }
        }
}

/* One of the first pixels to the logits of those that it becomes: (B, M, PART). */
static void finish(const Upscaling *call, const Place *place, const float *sums, int wide,
                   float *logits)
{
    int last = call->second * call->features;
    for (int f = 0; f < last; f++)
        for (int l = 0; l < wide; l += LANES)
            store(place->features + (long)f * PART + l, all(call->bias[f]));
#if defined(__AVX512BF16__)
    if (call->half)
        product_of_pairs((int *)place->weight, last, (int *)place->in_pairs, call->channels / 2,
                         wide, place->features);
    else
#endif
        product(place->weight, last, sums, PART, call->channels, wide, place->features, 1);
    for (int pixel = 0; pixel < call->second; pixel++) {
        float *features = place->features + (long)pixel * call->features * PART;
        for (int f = 0; f < call->features; f++)
            for (int l = 0; l < wide; l += LANES) {
                float *at = features + (long)f * PART + l;
                store(at, gelu(load(at)));
            }
        product(place->hyper, call->masks, features, PART, call->features, wide,
                logits + (long)pixel * call->masks * PART, 0);
    }
}

/* A mask's logits (pixels, M, PART) to where they belong, a position's beside each other. */
static void put_in_order(const float *logits, int masks, int pixels, long here, float *out)
{
    if (pixels % LANES) { /* few of them */
        for (long l = 0; l < here; l++)
            for (int p = 0; p < pixels; p++)
                out[l * pixels + p] = logits[(long)p * masks * PART + l];
        return;
    }
    for (long l = 0; l < here; l += LANES)
        for (int p = 0; p < pixels; p += LANES) {
            Vec square[LANES];
            for (int i = 0; i < LANES; i++)
                square[i] = load(logits + (long)(p + i) * masks * PART + l);
            turn(square);
            for (int i = 0; i < LANES && l + i < here; i++)
                store(out + (l + i) * pixels + p, square[i]);
        }
}

static void upscale_part(const void *given, void *given_place, int unit)
{
    const Upscaling *call = given;
    Place *place = given_place;
    int prompt = unit / parts(call->length);
    long from = unit % parts(call->length) * PART;
    int wide = whole(call->length - from);
    pack_factors(call, place, prompt);
    add_rows(call, place, prompt, from, wide);
    Rows variance = part_of(call->variance + prompt * call->length, call->length, call->length,
                            from, 1, place->steps);
    for (int pixel = 0; pixel < call->first; pixel++) {
        float *sums = place->sums + (long)pixel * call->channels * PART;
        normalize(call, place, sums, variance.at, wide);
        float *logits = place->logits + (long)pixel * call->second * call->masks * PART;
        finish(call, place, sums, wide, logits);
    }
    long here = within(call->length, from);
    int pixels = call->first * call->second;
    for (int m = 0; m < call->masks; m++) {
        long before = ((long)prompt * call->masks + m) * call->length + from;
        put_in_order(place->logits + (long)m * PART, call->masks, pixels, here,
                     call->out + before * pixels);
    }
}

/* Logits (P, M, A B L). */
int upscale(const Upscaling *call, Parallel parallel, int threads)
{
    Task task = {call, open_place, upscale_part, call->prompts * parts(call->length), 0, 0};
    return run(task, parallel, threads);
}
