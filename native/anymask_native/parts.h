/* Parts of an image's positions: where they lie, what a thread works with, and the threads. */

#ifndef ANYMASK_PARTS_H
#define ANYMASK_PARTS_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "products.h"

typedef struct {
    const float *at;
    long stride;
} Rows;

/* A part of rows (count, length): where it lies or, if they end within it, copied and zeros. */
static inline Rows part_of(const float *rows, long stride, long length, long from, int count,
                           float *to)
{
    if (from + PART <= length) return (Rows){rows + from, stride};
    long here = length - from;
    for (int r = 0; r < count; r++) {
        memcpy(to + (long)r * PART, rows + r * stride + from, here * sizeof(float));
        memset(to + (long)r * PART + here, 0, (whole(here) - here) * sizeof(float));
    }
    return (Rows){to, PART};
}

INLINE long parts(long length) { return (length + PART - 1) / PART; }

/* How many of a part's positions there are. */
INLINE long within(long length, long from) { return length - from < PART ? length - from : PART; }

/* ---- What a thread works with ---- */

/* So many numbers, and where their address goes. */
typedef struct {
    float **at;
    long count;
} Wanted;

enum { LINE = 64 }; /* bytes of a line of the caches */

INLINE long whole_lines(long count) { return (count * sizeof(float) + LINE - 1) / LINE * LINE; }

/* One piece of memory, or null: `head` bytes first, then all that is wanted. `free` ends it. */
static inline void *reserve(long head, const Wanted *wanted, int count)
{
    long size = head = (head + LINE - 1) / LINE * LINE;
    for (int i = 0; i < count; i++) size += whole_lines(wanted[i].count);
    char *memory = aligned_alloc(LINE, size), *at = memory + head;
    for (int i = 0; memory && i < count; at += whole_lines(wanted[i].count), i++)
        *wanted[i].at = (float *)at;
    return memory;
}

/* ---- Threads ---- */

typedef struct {
    const void *call;
    void *(*open)(const void *call); /* a thread's place, by `reserve` */
    void (*work)(const void *call, void *place, int unit);
    int units;
    atomic_int next, failed;
} Task;

static void take_units(void *given)
{
    Task *task = given;
    void *place = task->open(task->call);
    if (!place) {
        task->failed = 1;
        return;
    }
    for (int unit; (unit = task->next++) < task->units;) task->work(task->call, place, unit);
    free(place);
}

typedef void (*Parallel)(void (*)(void *), void *, unsigned, unsigned);

/* Units by as many threads. parallel: GOMP_parallel of the OpenMP that PyTorch has loaded, whose
 * threads are there already, or null. */
static inline int run(Task task, Parallel parallel, int threads)
{
    if (parallel && threads > 1 && task.units > 1)
        parallel(take_units, &task, least(threads, task.units), 0);
    else
        take_units(&task);
    return task.failed;
}

#endif
