/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/floors.h"

#include <stdlib.h>
#include <string.h>

#include "cohere/spans.h"

void floors_init(struct floors *f) {
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
}

void floors_fini(struct floors *f) {
    floors_clear(f);
    pthread_mutex_destroy(&f->lock);
}

static void publish(struct floors *f) {
    f->highest = f->all;
    for (size_t i = 0; i < f->used; i++) {
        f->highest = f->highest > f->floors[i].revision ? f->highest : f->floors[i].revision;
    }
    atomic_store_explicit(&f->count, f->used + (f->all > 0), memory_order_release);
    atomic_store_explicit(&f->blind, f->blind_revision > 0, memory_order_release);
}

static void remove_at(struct floors *f, size_t i) {
    free(f->floors[i].place);
    f->floors[i] = f->floors[--f->used];
}

static void add_all(struct floors *f, int64_t revision) {
    f->all = f->all > revision ? f->all : revision;
}

static void add_span(struct floors *f, const struct store_span *span, int64_t revision) {
    struct floor *floor;

    for (size_t i = 0; i < f->used; i++) {
        floor = &f->floors[i];
        if (slice_equal(floor->span.key, span->key) && slice_equal(floor->span.range_end, span->range_end)) {
            floor->revision = floor->revision > revision ? floor->revision : revision;
            return;
        }
    }
    floor = &f->floors[f->used];
    if (f->used == FLOORS_MAX || !span_copy(span, &floor->place, &floor->span)) {
        add_all(f, revision);
        return;
    }
    floor->revision = revision;
    f->used++;
}

void floors_add(struct floors *f, const struct store_span *span, int64_t revision, bool blind) {
    pthread_mutex_lock(&f->lock);
    if (span == NULL || f->all >= revision) {
        add_all(f, revision);
    } else {
        add_span(f, span, revision);
    }
    if (blind && f->blind_revision < revision) {
        f->blind_revision = revision;
    }
    publish(f);
    pthread_mutex_unlock(&f->lock);
}

void floors_reached(struct floors *f, int64_t applied) {
    if (atomic_load_explicit(&f->count, memory_order_relaxed) == 0 && !floors_are_blind(f)) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    for (size_t i = f->used; i-- > 0;) {
        if (f->floors[i].revision <= applied) {
            remove_at(f, i);
        }
    }
    f->all = f->all <= applied ? 0 : f->all;
    f->blind_revision = f->blind_revision <= applied ? 0 : f->blind_revision;
    publish(f);
    pthread_mutex_unlock(&f->lock);
}

void floors_clear(struct floors *f) {
    floors_reached(f, INT64_MAX);
}

int64_t floors_of(struct floors *f, const struct store_span *span) {
    int64_t revision;

    pthread_mutex_lock(&f->lock);
    revision = f->all;
    for (size_t i = 0; i < f->used; i++) {
        if (f->floors[i].revision > revision && spans_meet(&f->floors[i].span, span)) {
            revision = f->floors[i].revision;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return revision;
}
