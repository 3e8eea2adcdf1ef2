/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_TRACE_CONTEXT_H
#define LARDER_MODEL_TRACE_CONTEXT_H

#include <stdint.h>

enum { TRACE_ID_SIZE = 16, TRACE_SPAN_ID_SIZE = 8, TRACE_FLAG_SAMPLED = 1 };

/* The caller's place in a distributed trace (W3C Trace Context). All zero: the call is not traced. */
struct trace_context {
    uint8_t trace_id[TRACE_ID_SIZE];
    uint8_t span_id[TRACE_SPAN_ID_SIZE];
    uint8_t flags;
};

#endif
