/* What few rows compute at every position: anymask/models/few_rows/positions.py, compiled.
 *
 * Positions are taken a part at a time, and a part goes through scores, softmax and sums before the
 * next one is begun: what PyTorch keeps as arrays of all positions never leaves the caches.
 *
 * Numbers are float32, arrays dense but for the steps. Shapes, as there: P prompts, T tokens,
 * L positions, H heads, D head width, K = H T rows that a layer tells, N rows told so far. H and D
 * are multiples of 4. Functions give 0, or 1 where there was no memory.
 */

#include "parts.h"

/* ---- What a call is about, and what a thread works with ---- */

typedef struct {
    int prompts, tokens, heads, width, told; /* told: N, 0 in the first layer */
    long length, apart, stride; /* positions; how far prompts' steps, and rows, are apart */
    const float *asked;         /* (P, H, T, D) */
    const float *own, *where;   /* (H, D, L), where not by the rate; may be null */
    const float *pull, *steps, *deviation; /* (P, K, N), (P, N.., L), (P, L); may be null */
    const float *values, *log_weight;      /* see: (H, D, L), (L,) or null */
    const float *always, *bias;            /* tell: (P, K), (P, T) or null */
    float *out, *out_told;
    int groups; /* of heads or of positions: a unit is one of a prompt */
} Call;

typedef struct {
    int of;                       /* whose asked and pull: a prompt's first head; -1 at first */
    float *asked, *pull;          /* packed */
    float *scores, *steps, *rate; /* of a part */
    float *tail[2];               /* own or where, and values, if the part is not whole */
    float *more[2];               /* tiles: of values, of steps */
    float *most, *total;
} Place;

static void *open_place(const void *given)
{
    const Call *call = given;
    Place here = {.of = -1}, *place;
    long rows = padded((long)call->heads * call->tokens) + TILE;
    long wide = (long)call->heads * call->width;
    Wanted wanted[] = {
        {&here.asked, rows * call->width},
        {&here.pull, rows * call->told},
        {&here.scores, rows * PART},
        {&here.steps, (long)call->told * PART},
        {&here.rate, PART},
        {&here.tail[0], wide * PART},
        {&here.tail[1], wide * PART},
        {&here.more[0], call->heads * padded(call->tokens) * call->width},
        {&here.more[1], rows * call->told},
        {&here.most, rows},
        {&here.total, rows},
    };
    place = reserve(sizeof here, wanted, sizeof wanted / sizeof *wanted);
    if (place) *place = here;
    return place;
}

/* Put what heads get of an array (H, D, L), or add it, into their scores. */
static void by_own(const Call *call, const Place *place, const float *array, float *tail, int first,
                   int heads, long from, int more)
{
    int tokens = call->tokens, width = call->width;
    long length = call->length, skip = (long)first * width * length;
    Rows own = part_of(array + skip, length, length, from, heads * width, tail);
    for (int h = 0; h < heads; h++)
        product(place->asked + (long)h * tokens * width, tokens, own.at + h * width * own.stride,
                own.stride, width, whole(length - from), place->scores + (long)h * tokens * PART,
                more);
}

/* Heads' scores (heads T, PART): what is asked of each position, and the part of steps it took. */
static Rows score(const Call *call, const Place *place, int prompt, int first, int heads, long from)
{
    long length = call->length;
    int rows = heads * call->tokens, count = call->told, wide = whole(length - from);
    Rows steps = {0, 0};
    by_own(call, place, call->own, place->tail[0], first, heads, from, 0);
    if (!count) return steps;
    steps = part_of(call->steps + prompt * call->apart, call->stride, length, from, count,
                    place->steps);
    product(place->pull, rows, steps.at, steps.stride, count, wide, place->scores, 1);
    if (!call->deviation) return steps;
    Rows deviation =
        part_of(call->deviation + prompt * length, length, length, from, 1, place->rate);
    for (int l = 0; l < wide; l += LANES) {
        Vec by = load(deviation.at + l);
        store(place->rate + l, 1 / (by + (Vec)((by == 0) & (Ints)all(1)))); /* beyond the end */
    }
    for (int r = 0; r < rows; r++)
        for (int l = 0; l < wide; l += LANES) {
            float *at = place->scores + (long)r * PART + l;
            store(at, load(at) * load(place->rate + l));
        }
    by_own(call, place, call->where, place->tail[0], first, heads, from, 1);
    return steps;
}

/* Pack what one prompt's heads ask. */
static void ask(const Call *call, Place *place, int prompt, int first, int heads)
{
    if (place->of == prompt * call->heads + first) return;
    place->of = prompt * call->heads + first;
    int tokens = call->tokens, width = call->width, rows = call->heads * tokens;
    const float *asked = call->asked + ((long)prompt * rows + first * tokens) * width;
    for (int h = 0; h < heads; h++)
        pack(asked + (long)h * tokens * width, width, 1, tokens, width,
             place->asked + (long)h * tokens * width);
    if (call->told)
        pack(call->pull + ((long)prompt * rows + first * tokens) * call->told, call->told, 1,
             heads * tokens, call->told, place->pull);
}

/* ---- Tokens see the image ---- */

/* Softmax of a part's scores, as far as the positions before it allow: weights by the rate. */
static void soften(const Call *call, const Place *place, int row, long from)
{
    float *scores = place->scores + (long)row * PART;
    long here = call->length - from;
    int wide = whole(here);
    for (long l = here; l < wide; l++) scores[l] = -INFINITY;
    if (call->log_weight)
        for (long l = 0; l < within(call->length, from); l++)
            scores[l] += call->log_weight[from + l];
    Vec most = load(scores);
    for (int l = LANES; l < wide; l += LANES) most = larger(load(scores + l), most);
    float peak = fmaxf(largest(most), place->most[row]);
    if (peak > place->most[row]) {
        float factor = expf(place->most[row] - peak);
        int head = row / call->tokens;
        float *seen = place->more[0] + head * padded(call->tokens) * call->width;
        scale_row(seen, row % call->tokens, call->width, factor);
        scale_row(place->more[1], row, call->told, factor);
        place->total[row] *= factor;
        place->most[row] = peak;
    }
    Vec total = all(0);
    for (int l = 0; l < wide; l += LANES) {
        Vec weight = exponential(load(scores + l) - peak);
        total += weight;
        if (call->told) weight *= load(place->rate + l);
        store(scores + l, weight);
    }
    place->total[row] += sum(total);
}

static void see_by_heads(const void *given, void *given_place, int unit)
{
    const Call *call = given;
    Place *place = given_place;
    int prompt = unit / call->groups, heads = call->heads / call->groups;
    int first = unit % call->groups * heads;
    int tokens = call->tokens, width = call->width, rows = heads * tokens;
    long of_head = padded(tokens) * width;
    ask(call, place, prompt, first, heads);
    memset(place->more[0], 0, heads * of_head * sizeof(float));
    memset(place->more[1], 0, padded(rows) * call->told * sizeof(float));
    for (int r = 0; r < rows; r++) place->most[r] = -INFINITY, place->total[r] = 0;
    memset(place->scores + (long)rows * PART, 0, TILE * PART * sizeof(float));
    for (long from = 0; from < call->length; from += PART) {
        int wide = whole(call->length - from);
        Rows steps = score(call, place, prompt, first, heads, from);
        for (int r = 0; r < rows; r++) soften(call, place, r, from);
        const float *shown = call->values + (long)first * width * call->length;
        Rows values =
            part_of(shown, call->length, call->length, from, heads * width, place->tail[1]);
        for (int h = 0; h < heads; h++)
            add_tiles(place->scores + (long)h * tokens * PART, tokens,
                      values.at + h * width * values.stride, values.stride, width, wide,
                      place->more[0] + h * of_head);
        if (call->told)
            add_tiles(place->scores, rows, steps.at, steps.stride, call->told, wide,
                      place->more[1]);
    }
    for (int r = 0; r < rows; r++) place->total[r] = 1 / place->total[r];
    long before = (long)prompt * call->heads * tokens + first * tokens;
    for (int h = 0; h < heads; h++)
        unpack(place->more[0] + h * of_head, tokens, width, place->total + h * tokens,
               call->out + (before + h * tokens) * width);
    if (call->told)
        unpack(place->more[1], rows, call->told, place->total,
               call->out_told + before * call->told);
}

/* ---- Tokens tell the image, and what that changes ---- */

/* Softmax over a head's tokens at each position, by the deviation, into the call's `out`. */
static void divide(const Call *call, const Place *place, int prompt, int head, long from, long here)
{
    int tokens = call->tokens;
    float *scores = place->scores + (long)head * tokens * PART;
    const float *always =
        call->always ? call->always + ((long)prompt * call->heads + head) * tokens : 0;
    const float *bias = call->bias ? call->bias + (long)prompt * tokens : 0;
    for (int l = 0; l < here; l += LANES) {
        Vec most = all(-INFINITY), total = all(0);
        for (int t = 0; t < tokens; t++) {
            float *at = scores + (long)t * PART + l;
            store(at, load(at) + ((always ? always[t] : 0) + (bias ? bias[t] : 0)));
            most = larger(load(at), most);
        }
        for (int t = 0; t < tokens; t++) {
            float *at = scores + (long)t * PART + l;
            Vec share = exponential(load(at) - most);
            total += share;
            store(at, share);
        }
        Vec by = call->told ? 1 / (load(place->rate + l) * total) : 1 / total;
        for (int t = 0; t < tokens; t++) {
            float *at = scores + (long)t * PART + l;
            store(at, load(at) * by);
        }
    }
    float *to = call->out + prompt * call->apart + (long)head * tokens * call->stride + from;
    for (int t = 0; t < tokens; t++)
        memcpy(to + t * call->stride, scores + (long)t * PART, here * sizeof(float));
}

static void tell_part(const void *given, void *given_place, int unit)
{
    const Call *call = given;
    Place *place = given_place;
    int prompt = unit / call->groups;
    long from = (long)(unit % call->groups) * PART;
    long here = within(call->length, from);
    ask(call, place, prompt, 0, call->heads);
    score(call, place, prompt, 0, call->heads, from);
    for (int head = 0; head < call->heads; head++) divide(call, place, prompt, head, from, here);
}

static void measure_part(const void *given, void *given_place, int unit)
{
    const Call *call = given;
    Place *place = given_place;
    int prompt = unit / call->groups, rows = call->heads * call->tokens;
    long from = (long)(unit % call->groups) * PART;
    ask(call, place, prompt, 0, call->heads);
    Rows steps = score(call, place, prompt, 0, call->heads, from);
    float *total = call->out + prompt * call->length + from;
    for (int l = 0; l < PART && from + l < call->length; l += LANES) {
        Vec here = all(0);
        for (int r = 0; r < rows; r++)
            here +=
                load(place->scores + (long)r * PART + l) * load(steps.at + r * steps.stride + l);
        for (int i = 0; i < LANES && from + l + i < call->length; i++) total[l + i] += here[i];
    }
}

/* ---- What Python calls ---- */

/* seen (P, H, T, D) and told (P, K, N): what tokens see of the image's values and of the steps. */
int see(Call *call, Parallel parallel, int threads)
{
    call->groups = 1;
    while (call->groups < call->heads && call->groups * call->prompts < threads) call->groups *= 2;
    if (call->heads % call->groups) call->groups = 1;
    Task task = {call, open_place, see_by_heads, call->prompts * call->groups, 0, 0};
    return run(task, parallel, threads);
}

/* Steps (P, K, L) of a layer, `apart`: which tokens each position attends to, by the deviation. */
int tell(Call *call, Parallel parallel, int threads)
{
    call->groups = parts(call->length);
    Task task = {call, open_place, tell_part, call->prompts * call->groups, 0, 0};
    return run(task, parallel, threads);
}

/* More of total (P, L), squares: the first K of the steps by what they and the rest come to. */
int measure(Call *call, Parallel parallel, int threads)
{
    call->groups = parts(call->length);
    Task task = {call, open_place, measure_part, call->prompts * call->groups, 0, 0};
    return run(task, parallel, threads);
}
