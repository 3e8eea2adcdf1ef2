/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_TREE_H
#define LARDER_CLI_TRACE_TREE_H

#include "cli/trace/gather.h"

/* Which spans are one trace, and which is the parent of which. */

struct trace_tree {
    struct gathered *spans; /* `count` of them, next to each other in the gather */
    size_t count;
    size_t errors;
    uint64_t start_ns, end_ns; /* of all its spans */
    int64_t came_ns;           /* when the last of them came */
    struct gathered *roots;    /* without a parent that is known, linked by `sibling` in order of their start */
};

/* All traces in order of their start; sorts the spans, and drops those that came twice. The caller frees the array, which is valid
 * until something is gathered or forgotten. NULL and a count of 0: there are none; NULL and another count: no memory. */
struct trace_tree *trace_trees(struct gather *g, size_t *ret_count);

/* Tells the spans of a trace as they stand below each other: each before its children, and these in order of their start. */
typedef void trace_row_fn(void *ctx, struct gathered *span, size_t depth);
void trace_walk(const struct trace_tree *tree, trace_row_fn *fn, void *ctx);

/* When it ended; not before it began, whatever was sent. */
static inline uint64_t gathered_end_ns(const struct gathered *span) {
    uint64_t start_ns = span->span->start_time_unix_nano, end_ns = span->span->end_time_unix_nano;

    return end_ns > start_ns ? end_ns : start_ns;
}

static inline bool gathered_failed(const struct gathered *span) {
    return span->span->status != NULL && span->span->status->code == OTLP__STATUS_CODE__STATUS_CODE_ERROR;
}

#endif
