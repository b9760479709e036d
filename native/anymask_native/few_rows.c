/* What few rows compute at every position: anymask/models/few_rows/positions.py, compiled.
 *
 * Positions are taken a part at a time, and a part goes through scores, softmax and sums before the
 * next one is begun: what PyTorch keeps as arrays of all positions never leaves the caches.
 *
 * Numbers are float32, arrays dense but for the steps. Shapes, as there: P prompts, T tokens,
 * L positions, H heads, D head width, K = H T rows that a layer tells, N rows told so far. H and D
 * are multiples of 4. Functions give 0, or 1 where there was no memory.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "products.h"

enum { LINE = 64 }; /* bytes of the caches' */

/* ---- Parts of arrays about all positions ---- */

typedef struct {
    const float *at;
    long stride;
} Rows;

/* A part of rows (count, length): where it lies or, if they end within it, copied and zeros. */
static Rows part_of(const float *rows, long stride, long length, long from, int count, float *to)
{
    if (from + PART <= length) return (Rows){rows + from, stride};
    long here = length - from;
    for (int r = 0; r < count; r++) {
        memcpy(to + (long)r * PART, rows + r * stride + from, here * sizeof(float));
        memset(to + (long)r * PART + here, 0, (PART - here) * sizeof(float));
    }
    return (Rows){to, PART};
}

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
    int groups; /* of heads or of positions: a thread takes one of a prompt */
    atomic_int next, failed;
} Call;

typedef struct {
    int of;                       /* whose asked and pull these are: a prompt's first head */
    float *asked, *pull;          /* packed */
    float *scores, *steps, *rate; /* of a part */
    float *tail[3];               /* own, where, values, if the part is not whole */
    float *more[2];               /* tiles: of values, of steps */
    float *most, *total;
    void *memory;
} Room;

/* Bytes of so many numbers, and what is left of their last line. */
static long whole_lines(long count) { return (count * sizeof(float) + LINE - 1) / LINE * LINE; }

static int take_room(const Call *call, Room *room)
{
    long rows = padded((long)call->heads * call->tokens) + TILE;
    long wide = (long)call->heads * call->width;
    struct {
        float **at;
        long count;
    } wanted[] = {
        {&room->asked, rows * call->width},
        {&room->pull, rows * call->told},
        {&room->scores, rows * PART},
        {&room->steps, (long)call->told * PART},
        {&room->rate, PART},
        {&room->tail[0], wide * PART},
        {&room->tail[1], wide * PART},
        {&room->tail[2], wide * PART},
        {&room->more[0], call->heads * padded(call->tokens) * call->width},
        {&room->more[1], rows * call->told},
        {&room->most, rows},
        {&room->total, rows},
    };
    int count = sizeof wanted / sizeof *wanted;
    long size = 0;
    for (int i = 0; i < count; i++) size += whole_lines(wanted[i].count);
    room->of = -1;
    char *at = room->memory = aligned_alloc(LINE, size);
    if (!at) return 0;
    for (int i = 0; i < count; at += whole_lines(wanted[i].count), i++) *wanted[i].at = (float *)at;
    return 1;
}

/* Heads' scores (heads T, PART): what is asked of each position, and the part of steps it took. */
static Rows score(const Call *call, const Room *room, int prompt, int first, int heads, long from)
{
    int tokens = call->tokens, width = call->width, rows = heads * tokens, count = call->told;
    long length = call->length, skip = (long)first * width * length;
    Rows steps = {0, 0};
    Rows own = part_of(call->own + skip, length, length, from, heads * width, room->tail[0]);
    for (int h = 0; h < heads; h++)
        product(room->asked + (long)h * tokens * width, tokens, own.at + h * width * own.stride,
                own.stride, width, room->scores + (long)h * tokens * PART, 0);
    if (!count) return steps;
    steps =
        part_of(call->steps + prompt * call->apart, call->stride, length, from, count, room->steps);
    product(room->pull, rows, steps.at, steps.stride, count, room->scores, 1);
    if (!call->deviation) return steps;
    Rows deviation =
        part_of(call->deviation + prompt * length, length, length, from, 1, room->rate);
    for (int l = 0; l < PART; l += LANES) {
        Vec by = load(deviation.at + l);
        store(room->rate + l, 1 / (by + (Vec)((by == 0) & (Ints)all(1)))); /* beyond the end */
    }
    for (int r = 0; r < rows; r++)
        for (int l = 0; l < PART; l += LANES) {
            float *at = room->scores + (long)r * PART + l;
            store(at, load(at) * load(room->rate + l));
        }
    Rows where = part_of(call->where + skip, length, length, from, heads * width, room->tail[1]);
    for (int h = 0; h < heads; h++)
        product(room->asked + (long)h * tokens * width, tokens, where.at + h * width * where.stride,
                where.stride, width, room->scores + (long)h * tokens * PART, 1);
    return steps;
}

/* Pack what one prompt's heads ask. */
static void ask(const Call *call, Room *room, int prompt, int first, int heads)
{
    if (room->of == prompt * call->heads + first) return;
    room->of = prompt * call->heads + first;
    int tokens = call->tokens, width = call->width, rows = call->heads * tokens;
    const float *asked = call->asked + ((long)prompt * rows + first * tokens) * width;
    for (int h = 0; h < heads; h++)
        pack(asked + (long)h * tokens * width, tokens, width,
             room->asked + (long)h * tokens * width);
    if (call->told)
        pack(call->pull + ((long)prompt * rows + first * tokens) * call->told, heads * tokens,
             call->told, room->pull);
}

/* ---- Tokens see the image ---- */

/* Softmax of a part's scores, as far as the positions before it allow: weights by the rate. */
static void soften(const Call *call, const Room *room, int row, int token_rows, long from)
{
    float *scores = room->scores + (long)row * PART;
    long here = call->length - from;
    for (long l = here; l < PART; l++) scores[l] = -INFINITY;
    if (call->log_weight)
        for (long l = 0; l < PART && l < here; l++) scores[l] += call->log_weight[from + l];
    Vec most = load(scores);
    for (int l = LANES; l < PART; l += LANES) most = larger(load(scores + l), most);
    float peak = fmaxf(largest(most), room->most[row]);
    if (peak > room->most[row]) {
        float factor = expf(room->most[row] - peak);
        int head = row / token_rows;
        float *seen = room->more[0] + head * padded(token_rows) * call->width;
        scale_row(seen, row % token_rows, call->width, factor);
        scale_row(room->more[1], row, call->told, factor);
        room->total[row] *= factor;
        room->most[row] = peak;
    }
    Vec total = all(0);
    for (int l = 0; l < PART; l += LANES) {
        Vec weight = exponential(load(scores + l) - peak);
        total += weight;
        if (call->told) weight *= load(room->rate + l);
        store(scores + l, weight);
    }
    room->total[row] += sum(total);
}

static void see_by_heads(const Call *call, Room *room, int unit)
{
    int prompt = unit / call->groups, heads = call->heads / call->groups;
    int first = unit % call->groups * heads;
    int tokens = call->tokens, width = call->width, rows = heads * tokens;
    long of_head = padded(tokens) * width;
    ask(call, room, prompt, first, heads);
    memset(room->more[0], 0, heads * of_head * sizeof(float));
    memset(room->more[1], 0, padded(rows) * call->told * sizeof(float));
    for (int r = 0; r < rows; r++) room->most[r] = -INFINITY, room->total[r] = 0;
    memset(room->scores + (long)rows * PART, 0, TILE * PART * sizeof(float));
    for (long from = 0; from < call->length; from += PART) {
        Rows steps = score(call, room, prompt, first, heads, from);
        for (int r = 0; r < rows; r++) soften(call, room, r, tokens, from);
        const float *shown = call->values + (long)first * width * call->length;
        Rows values =
            part_of(shown, call->length, call->length, from, heads * width, room->tail[2]);
        for (int h = 0; h < heads; h++)
            add_tiles(room->scores + (long)h * tokens * PART, tokens,
                      values.at + h * width * values.stride, values.stride, width,
                      room->more[0] + h * of_head);
        if (call->told)
            add_tiles(room->scores, rows, steps.at, steps.stride, call->told, room->more[1]);
    }
    for (int r = 0; r < rows; r++) room->total[r] = 1 / room->total[r];
    long before = (long)prompt * call->heads * tokens + first * tokens;
    for (int h = 0; h < heads; h++)
        unpack(room->more[0] + h * of_head, tokens, width, room->total + h * tokens,
               call->out + (before + h * tokens) * width);
    if (call->told)
        unpack(room->more[1], rows, call->told, room->total, call->out_told + before * call->told);
}

/* ---- Tokens tell the image, and what that changes ---- */

/* Softmax over a head's tokens at each position, by the deviation, into the call's `out`. */
static void divide(const Call *call, const Room *room, int prompt, int head, long from, long here)
{
    int tokens = call->tokens;
    float *scores = room->scores + (long)head * tokens * PART;
    const float *always =
        call->always ? call->always + ((long)prompt * call->heads + head) * tokens : 0;
    const float *bias = call->bias ? call->bias + (long)prompt * tokens : 0;
    for (int l = 0; l < PART; l += LANES) {
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
        Vec by = call->told ? 1 / (load(room->rate + l) * total) : 1 / total;
        for (int t = 0; t < tokens; t++) {
            float *at = scores + (long)t * PART + l;
            store(at, load(at) * by);
        }
    }
    float *to = call->out + prompt * call->apart + (long)head * tokens * call->stride + from;
    for (int t = 0; t < tokens; t++)
        memcpy(to + t * call->stride, scores + (long)t * PART, here * sizeof(float));
}

static void tell_part(const Call *call, Room *room, int unit)
{
    int prompt = unit / call->groups;
    long from = (long)(unit % call->groups) * PART;
    long here = call->length - from < PART ? call->length - from : PART;
    ask(call, room, prompt, 0, call->heads);
    score(call, room, prompt, 0, call->heads, from);
    for (int head = 0; head < call->heads; head++) divide(call, room, prompt, head, from, here);
}

static void measure_part(const Call *call, Room *room, int unit)
{
    int prompt = unit / call->groups, rows = call->heads * call->tokens;
    long from = (long)(unit % call->groups) * PART;
    ask(call, room, prompt, 0, call->heads);
    Rows steps = score(call, room, prompt, 0, call->heads, from);
    float *total = call->out + prompt * call->length + from;
    for (int l = 0; l < PART && from + l < call->length; l += LANES) {
        Vec here = all(0);
        for (int r = 0; r < rows; r++)
            here += load(room->scores + (long)r * PART + l) * load(steps.at + r * steps.stride + l);
        for (int i = 0; i < LANES && from + l + i < call->length; i++) total[l + i] += here[i];
    }
}

/* ---- Threads ---- */

typedef void (*Work)(const Call *, Room *, int);
typedef void (*Parallel)(void (*)(void *), void *, unsigned, unsigned);

typedef struct {
    Call *call;
    Work work;
    int units;
} Task;

static void take_units(void *given)
{
    Task *task = given;
    Room room;
    if (!take_room(task->call, &room)) {
        task->call->failed = 1;
        return;
    }
    for (int unit; (unit = task->call->next++) < task->units;) task->work(task->call, &room, unit);
    free(room.memory);
}

/* parallel: GOMP_parallel of the OpenMP that PyTorch has loaded, or null: its threads are there. */
static int run(Call *call, Work work, int units, Parallel parallel, int threads)
{
    Task task = {call, work, units};
    if (parallel && threads > 1 && units > 1)
        parallel(take_units, &task, least(threads, units), 0);
    else
        take_units(&task);
    return call->failed;
}

/* ---- What Python calls ---- */

/* seen (P, H, T, D) and told (P, K, N): what tokens see of the image's values and of the steps. */
int see(Call *call, Parallel parallel, int threads)
{
    call->groups = 1;
    while (call->groups < call->heads && call->groups * call->prompts < threads) call->groups *= 2;
    if (call->heads % call->groups) call->groups = 1;
    return run(call, see_by_heads, call->prompts * call->groups, parallel, threads);
}

/* Steps (P, K, L) of a layer, `apart`: which tokens each position attends to, by the deviation. */
int tell(Call *call, Parallel parallel, int threads)
{
    call->groups = (call->length + PART - 1) / PART;
    return run(call, tell_part, call->prompts * call->groups, parallel, threads);
}

/* More of total (P, L), squares: the first K of the steps by what they and the rest come to. */
int measure(Call *call, Parallel parallel, int threads)
{
    call->groups = (call->length + PART - 1) / PART;
    return run(call, measure_part, call->prompts * call->groups, parallel, threads);
}
