/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LIBRARY_OBSERVED_H
#define TESTS_UNIT_LIBRARY_OBSERVED_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "library/observe_method.h"

/* A tracer without an exporter, whose spans and calls are told as text: of each span a line, such as
 * "- get db.system.name=memcached [Cache hit]" of a root, "+ ..." of a child, with " !message" behind an error; of each series
 * of calls one such as "get hit  2", or "get error timeout 1". */

enum { OBSERVED_SPANS_MAX = 256, OBSERVED_TEXT_MAX = 1 << 16 };

static inline bool observed_has_parent(const struct span *span) {
    static const uint8_t none[TRACE_SPAN_ID_SIZE];

    return memcmp(span->parent_id, none, sizeof(none)) != 0;
}

static inline void observed_value(struct buf *out, const struct span_value *value) {
    switch (value->kind) {
    case SPAN_VALUE_TEXT:
        (void)buf_append_slice(out, value->text);
        break;
    case SPAN_VALUE_INTEGER:
        (void)buf_printf(out, "%" PRId64, value->integer);
        break;
    case SPAN_VALUE_REAL:
        (void)buf_printf(out, "%g", value->real);
        break;
    case SPAN_VALUE_TRUTH:
        (void)buf_printf(out, "%s", value->truth ? "true" : "false");
        break;
    }
}

static inline enum larder_error observed_encode(const struct span *span, struct buf *out) {
    (void)buf_printf(out, "%c%s %.*s", observed_has_parent(span) ? '+' : '-', span->kind == SPAN_CLIENT ? "" : "?",
                     (int)span->name.size, span->name.data);
    for (uint32_t i = 0; i < span->attribute_count; i++) {
        (void)buf_printf(out, " %.*s=", (int)span->attributes[i].key.size, span->attributes[i].key.data);
        observed_value(out, &span->attributes[i].value);
    }
    for (uint32_t i = 0; i < span->event_count; i++) {
        bool within = span->events[i].time_ns >= span->start_ns && span->events[i].time_ns <= span->end_ns;

        (void)buf_printf(out, " [%.*s%s]", (int)span->events[i].name.size, span->events[i].name.data,
                         within ? "" : ", not in its time");
    }
    if (span->status == SPAN_ERROR) {
        (void)buf_printf(out, " !%.*s", (int)span->message.size, span->message.data);
    }
    return buf_printf(out, "\n");
}

static inline void observed_init(struct larder_tracer *t) {
    static const struct sampler all = {.by_parent = true, .bound = SAMPLER_ALL};

    memset(t, 0, sizeof(*t));
    tracer_init(&t->tracer, &all, false, 1, OBSERVED_SPANS_MAX, OBSERVED_SPANS_MAX, observed_encode);
    t->calls = calls_new(&observe_names, clock_wall_ns());
    assert_non_null(t->calls);
}

static inline void observed_fini(struct larder_tracer *t) {
    tracer_fini(&t->tracer);
    calls_free(t->calls);
}

static inline void assert_same_text(const struct buf *text, const char *expected) {
    if (!slice_equal(buf_slice(text), slice_from_string(expected))) {
        fail_msg("\n%.*sinstead of\n%s", (int)text->size, text->data, expected);
    }
}

/* The spans that have ended since the last time. */
static inline void assert_spans(struct larder_tracer *t, const char *expected) {
    struct span_batch *batch = span_queue_take(&t->tracer.queue);
    struct buf nothing;

    buf_init(&nothing, 0);
    assert_same_text(batch == NULL ? &nothing : &batch->bytes, expected);
    if (batch != NULL) {
        span_queue_give_batch_back(&t->tracer.queue, batch);
    }
}

static inline void observed_series(void *ctx, const char *method, const struct calls_outcome *outcome,
                                   const struct calls_figures *figures) {
    (void)buf_printf(ctx, "%s %s %s %" PRIu64 "\n", method, outcome->status, outcome->error, figures->count);
}

/* All calls that were counted so far. */
static inline void assert_calls(const struct larder_tracer *t, const char *expected) {
    struct buf text;

    buf_init(&text, OBSERVED_TEXT_MAX);
    calls_each(t->calls, observed_series, &text);
    assert_same_text(&text, expected);
    buf_fini(&text);
}

#endif
