/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_internal.h"
#include "trace/context.h"
#include "trace/tracer.h"

enum { URL_SHOWN_MAX = 1024 };

_Static_assert((int)ORIGIN_TRACE_ROOM >= (int)TRACE_PARENT_TEXT_MAX, "a traceparent fits");

void origin_trace_begin(struct origin_flight *f, struct slice url, struct fetch_field fields[ORIGIN_TRACE_FIELDS],
                        size_t *ret_count, char place[ORIGIN_TRACE_ROOM]) {
    const struct trace_context *context;
    size_t count = 0;

    *ret_count = 0;
    if (f->scope == NULL) {
        return;
    }
    f->span = tracer_begin_within(f->worker->tracer, SLICE("GET"), SPAN_CLIENT, f->scope, clock_monotonic_ns());
    if (f->span != NULL) {
        span_set(f->span, SLICE("http.request.method"), span_text(SLICE("GET")));
        span_set(f->span, SLICE("url.full"),
                 span_text(slice_make(url.data, url.size < URL_SHOWN_MAX ? url.size : URL_SHOWN_MAX)));
    }
    context = f->span != NULL ? &f->span->context : &f->scope->context;
    fields[count++] = (struct fetch_field){SLICE("traceparent"), slice_from_string(trace_parent_write(context, place))};
    if (f->scope->state_size > 0) {
        fields[count++] = (struct fetch_field){SLICE("tracestate"), trace_scope_state(f->scope)};
    }
    *ret_count = count;
}

void origin_trace_finish(struct origin_flight *f, enum larder_error error, unsigned status) {
    struct span *span = f->span;

    f->span = NULL;
    if (status != 0) {
        span_set(span, SLICE("http.response.status_code"), span_integer(status));
    }
    if (error != LARDER_OK) {
        span_set_status(span, SPAN_ERROR, slice_from_string(larder_error_text(error)));
    } else if (status >= 400) {
        span_set_status(span, SPAN_ERROR, SLICE(""));
    }
    tracer_end(span, clock_monotonic_ns());
}
