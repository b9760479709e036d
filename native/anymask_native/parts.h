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

/* ---- What a thread works with ---- */

/* So many numbers, and where their address goes. */
typedef struct {
    float **at;
    long count;
} Wanted;

enum { LINE = 64 }; /* bytes of a line of the caches */

INLINE long whole_lines(long count) { return (count * sizeof(float) + LINE - 1) / LINE * LINE; }

/* All that is wanted in one piece of memory, which is given, or null. */
static inline void *reserve(const Wanted *wanted, int count)
{
    long size = 0;
    for (int i = 0; i < count; i++) size += whole_lines(wanted[i].count);
    char *memory = aligned_alloc(LINE, size), *at = memory;
    for (int i = 0; memory && i < count; at += whole_lines(wanted[i].count), i++)
        *wanted[i].at = (float *)at;
    return memory;
}

/* The beginning of every thread's room. */
typedef struct {
    void *memory; /* from `reserve` */
    int of;       /* what it holds beside a part: of a prompt, say; -1 at first */
} Room;

enum { ROOM = 256 }; /* bytes of the largest */

/* ---- Threads ---- */

typedef struct {
    const void *call;
    void (*open)(const void *call, void *room); /* a `Room` and what follows it */
    void (*work)(const void *call, void *room, int unit);
    int units;
    atomic_int next, failed;
} Task;

static void take_units(void *given)
{
    Task *task = given;
    _Alignas(LINE) char room[ROOM];
    task->open(task->call, room);
    ((Room *)room)->of = -1;
    if (!((Room *)room)->memory) {
        task->failed = 1;
        return;
    }
    for (int unit; (unit = task->next++) < task->units;) task->work(task->call, room, unit);
    free(((Room *)room)->memory);
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
