/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_SPAN_QUEUE_H
#define LARDER_TRACE_SPAN_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trace/span.h"

/* Ended spans on their way to the exporter, as the bytes that are sent: any thread puts, one takes. Whoever puts never waits for
 * whoever takes: a full queue refuses and counts. The lock is held for a few instructions. The memory of spans and batches that are
 * done with is kept here for the next ones: malloc would give it back to the system and ask for it again. */

enum {
    SPAN_ENCODED_MAX = 4096, /* bytes of one span */
    SPAN_QUEUE_SPARES_MAX = 64,
    SPAN_QUEUE_SPARE_BATCHES_MAX = 2,
};

/* So many spans, one behind the other. */
struct span_batch {
    struct span_batch *next;
    size_t count;
    struct buf bytes;
};

struct span_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the monotonic clock */
    struct span_batch *first, *last;
    size_t count, max;
    size_t batch_max; /* spans of a batch; so many are worth a wake-up before their time */
    bool asked;       /* a flush: do not wait for more */
    bool closed;
    uint64_t put, dropped;
    struct span *spare; /* not initialised */
    size_t spares;
    struct span_batch *spare_batch; /* empty */
    size_t spare_batches;
};

/* At most `max` spans, at least 1. */
void span_queue_init(struct span_queue *q, size_t max, size_t batch_max);

/* Frees what is left. */
void span_queue_fini(struct span_queue *q);

/* Memory for a span; NULL: there is none. */
struct span *span_queue_new(struct span_queue *q);

/* Gives it back. */
void span_queue_give_back(struct span_queue *q, struct span *span);

/* Appends an encoded span, at most SPAN_ENCODED_MAX bytes. False: it is full or closed, or there is no memory; that is
 * counted. */
bool span_queue_put(struct span_queue *q, struct slice encoded);

/* Waits until a whole batch is there, someone asks, it is closed, or the monotonic clock shows `until_ns`. */
void span_queue_wait(struct span_queue *q, int64_t until_ns);

/* The oldest batch, whole or not; NULL: there is none. The caller gives it back. */
struct span_batch *span_queue_take(struct span_queue *q);
void span_queue_give_batch_back(struct span_queue *q, struct span_batch *batch);

/* span_queue_wait returns at once, until span_queue_heed. */
void span_queue_ask(struct span_queue *q);

/* Whether somebody has asked since the last time. */
bool span_queue_heed(struct span_queue *q);

/* From now on everything is refused, and span_queue_wait returns at once. */
void span_queue_close(struct span_queue *q);

bool span_queue_is_closed(struct span_queue *q);

struct span_queue_figures {
    size_t count;
    uint64_t put;     /* taken over, ever */
    uint64_t dropped; /* refused */
};

struct span_queue_figures span_queue_figures(struct span_queue *q);

#endif
