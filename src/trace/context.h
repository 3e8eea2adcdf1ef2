/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_CONTEXT_H
#define LARDER_TRACE_CONTEXT_H

#include <stdbool.h>

#include "base/slice.h"
#include "model/trace_context.h"

/* The two header fields of W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1): `traceparent` says which span
 * asks, `tracestate` is a list that others have hung on the trace and that is passed on. */

enum {
    TRACE_PARENT_SIZE = 55,                        /* bytes of a traceparent of version 00 */
    TRACE_PARENT_TEXT_MAX = TRACE_PARENT_SIZE + 1, /* with its NUL */
    TRACE_STATE_MAX = 512,                         /* bytes of a tracestate that is passed on (section 3.3.1.5) */
    TRACE_STATE_MEMBERS_MAX = 32,                  /* section 3.3.1.1 */
};

/* Whether both ids are there: neither is all zeros. */
bool trace_context_is_valid(const struct trace_context *context);

static inline bool trace_context_is_sampled(const struct trace_context *context) {
    return (context->flags & TRACE_FLAG_SAMPLED) != 0;
}

/* Reads a traceparent (section 3.2). Of a version that is newer than 00 the part is read that 00 has, and only the flag is
 * kept that 00 knows. False: it is none, and the caller begins a trace of its own; ret_context is untouched. */
bool trace_parent_parse(struct slice text, struct trace_context *ret_context);

/* Writes one of version 00, NUL-terminated. Returns ret_text. */
const char *trace_parent_write(const struct trace_context *context, char ret_text[TRACE_PARENT_TEXT_MAX]);

/* As much of a tracestate as may be passed on: all of it, or its first whole members that fit TRACE_STATE_MAX. Empty if it
 * is no list of members (section 3.3.1), names one key twice, or has too many. The slice is a part of `text`. */
struct slice trace_state_accept(struct slice text);

#endif
