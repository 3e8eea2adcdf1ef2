/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/span_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { BATCH_KEPT_MAX = 1 << 20 /* bytes of an empty batch */ };

void span_queue_init(struct span_queue *q, size_t max, size_t batch_max) {
    pthread_condattr_t attributes;

    *q = (struct span_queue){.max = max, .batch_max = batch_max};
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void free_batches(struct span_batch *first) {
    while (first != NULL) {
        struct span_batch *next = first->next;

        buf_fini(&first->bytes);
        free(first);
        first = next;
    }
}

void span_queue_fini(struct span_queue *q) {
    free_batches(q->first);
    free_batches(q->spare_batch);
    while (q->spare != NULL) {
        struct span *next = q->spare->next;

        free(q->spare);
        q->spare = next;
    }
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
}

struct span *span_queue_new(struct span_queue *q) {
    struct span *span;

    pthread_mutex_lock(&q->lock);
    span = q->spare;
    if (span != NULL) {
        q->spare = span->next;
        q->spares--;
    }
    pthread_mutex_unlock(&q->lock);
    return span != NULL ? span : malloc(sizeof(*span));
}

void span_queue_give_back(struct span_queue *q, struct span *span) {
    pthread_mutex_lock(&q->lock);
    if (q->spares < SPAN_QUEUE_SPARES_MAX) {
        span->next = q->spare;
        q->spare = span;
        q->spares++;
        span = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    free(span);
}

/* Under the lock: the batch that takes one more span; NULL: no memory. */
static struct span_batch *open_batch(struct span_queue *q) {
    struct span_batch *batch = q->last;

    if (q->first != NULL && batch->count < q->batch_max) {
        return batch;
    }
    batch = q->spare_batch;
    if (batch != NULL) {
        q->spare_batch = batch->next;
        q->spare_batches--;
    } else {
        batch = malloc(sizeof(*batch));
        if (batch == NULL) {
            return NULL;
        }
        buf_init(&batch->bytes, q->batch_max * SPAN_ENCODED_MAX);
    }
    batch->next = NULL;
    batch->count = 0;
    *(q->first == NULL ? &q->first : &q->last->next) = batch;
    q->last = batch;
    return batch;
}

bool span_queue_put(struct span_queue *q, struct slice encoded) {
    struct span_batch *batch = NULL;
    bool taken, wakes = false;

    pthread_mutex_lock(&q->lock);
    taken = !q->closed && q->count < q->max && (batch = open_batch(q)) != NULL &&
            buf_append_slice(&batch->bytes, encoded) == LARDER_OK;
    if (taken) {
        batch->count++;
        q->put++;
        wakes = ++q->count == q->batch_max;
    } else {
        q->dropped++;
    }
    pthread_mutex_unlock(&q->lock);
    if (wakes) {
        pthread_cond_broadcast(&q->changed);
    }
    return taken;
}

struct span_batch *span_queue_take(struct span_queue *q) {
    struct span_batch *batch;

    pthread_mutex_lock(&q->lock);
    batch = q->first;
    if (batch != NULL) {
        q->first = batch->next;
        q->count -= batch->count;
    }
    pthread_mutex_unlock(&q->lock);
    return batch;
}

void span_queue_give_batch_back(struct span_queue *q, struct span_batch *batch) {
    batch->bytes.size = 0;
    if (batch->bytes.capacity > BATCH_KEPT_MAX) {
        buf_fini(&batch->bytes);
    }
    batch->next = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->spare_batches < SPAN_QUEUE_SPARE_BATCHES_MAX) {
        batch->next = q->spare_batch;
        q->spare_batch = batch;
        q->spare_batches++;
        batch = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    free_batches(batch);
}

void span_queue_wait(struct span_queue *q, int64_t until_ns) {
    struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_S, .tv_nsec = until_ns % CLOCK_NS_PER_S};

    pthread_mutex_lock(&q->lock);
    while (q->count < q->batch_max && !q->asked && !q->closed) {
        if (pthread_cond_timedwait(&q->changed, &q->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    pthread_mutex_unlock(&q->lock);
}

void span_queue_ask(struct span_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->asked = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->changed);
}

bool span_queue_heed(struct span_queue *q) {
    bool asked;

    pthread_mutex_lock(&q->lock);
    asked = q->asked;
    q->asked = false;
    pthread_mutex_unlock(&q->lock);
    return asked;
}

void span_queue_close(struct span_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->changed);
}

bool span_queue_is_closed(struct span_queue *q) {
    bool closed;

    pthread_mutex_lock(&q->lock);
    closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

struct span_queue_figures span_queue_figures(struct span_queue *q) {
    struct span_queue_figures figures;

    pthread_mutex_lock(&q->lock);
    figures = (struct span_queue_figures){.count = q->count, .put = q->put, .dropped = q->dropped};
    pthread_mutex_unlock(&q->lock);
    return figures;
}
