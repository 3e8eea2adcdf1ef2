/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own spans. */
#include "base/clock.h"
#include "library/tracer.h"
#include "trace/context.h"

_Static_assert((int)LARDER_TRACEPARENT_MAX == (int)TRACE_PARENT_TEXT_MAX, "what is written has room");
_Static_assert((int)LARDER_TRACESTATE_MAX == TRACE_STATE_MAX + 1, "what is written has room");
_Static_assert((int)LARDER_SPAN_ATTRIBUTES_MAX == (int)SPAN_ATTRIBUTES_MAX, "as documented");
_Static_assert((int)LARDER_SPAN_EVENTS_MAX == (int)SPAN_EVENTS_MAX, "as documented");
_Static_assert((int)LARDER_SPAN_TEXT_MAX == (int)SPAN_TEXT_MAX, "as documented");

static struct larder_span *outer(struct span *span) {
    return (struct larder_span *)(void *)span;
}

struct larder_span *larder_span_begin(struct larder_tracer *tracer, const char *name, enum larder_span_kind kind,
                                      const struct larder_span *parent) {
    return tracer == NULL ? NULL
                          : outer(tracer_begin(&tracer->tracer, slice_from_string(name), (enum span_kind)kind,
                                               span_of_const(parent)));
}

struct larder_span *larder_span_begin_remote(struct larder_tracer *tracer, const char *name, enum larder_span_kind kind,
                                             const char *traceparent, const char *tracestate) {
    struct trace_context parent;
    struct slice state = tracestate == NULL ? SLICE("") : trace_state_accept(slice_from_string(tracestate));

    if (tracer == NULL) {
        return NULL;
    }
    if (traceparent == NULL || !trace_parent_parse(slice_from_string(traceparent), &parent)) {
        return larder_span_begin(tracer, name, kind, NULL);
    }
    return outer(tracer_begin_remote(&tracer->tracer, slice_from_string(name), (enum span_kind)kind, &parent, state));
}

void larder_span_end(struct larder_span *span) {
    if (span != NULL) {
        tracer_end(span_of(span), clock_monotonic_ns());
    }
}

static void set(struct larder_span *span, const char *key, struct span_value value) {
    if (span != NULL) {
        span_set(span_of(span), slice_from_string(key), value);
    }
}

void larder_span_set_string(struct larder_span *span, const char *key, const char *value) {
    set(span, key, span_text(slice_from_string(value)));
}

void larder_span_set_int(struct larder_span *span, const char *key, int64_t value) {
    set(span, key, span_integer(value));
}

void larder_span_set_double(struct larder_span *span, const char *key, double value) {
    set(span, key, span_real(value));
}

void larder_span_set_bool(struct larder_span *span, const char *key, bool value) {
    set(span, key, span_truth(value));
}

void larder_span_add_event(struct larder_span *span, const char *name) {
    if (span != NULL) {
        span_add_event(span_of(span), slice_from_string(name), span_time_ns(span_of(span), clock_monotonic_ns()));
    }
}

void larder_span_set_status(struct larder_span *span, enum larder_span_status status, const char *message) {
    if (span != NULL) {
        span_set_status(span_of(span), (enum span_status)status, slice_from_string(message == NULL ? "" : message));
    }
}

bool larder_span_is_recording(const struct larder_span *span) {
    return span != NULL && span_of_const(span)->records;
}

const char *larder_span_traceparent(const struct larder_span *span, char ret_text[LARDER_TRACEPARENT_MAX]) {
    ret_text[0] = '\0';
    return span == NULL ? ret_text : trace_parent_write(&span_of_const(span)->context, ret_text);
}

const char *larder_span_tracestate(const struct larder_span *span, char ret_text[LARDER_TRACESTATE_MAX]) {
    struct slice state = span == NULL ? SLICE("") : span_of_const(span)->state;

    if (state.size > 0) {
        memcpy(ret_text, state.data, state.size);
    }
    ret_text[state.size] = '\0';
    return ret_text;
}
