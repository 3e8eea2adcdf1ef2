/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_PENDING_SPAN_H
#define LARDER_GROUP_PENDING_SPAN_H

#include "base/error.h"
#include "group/pending.h"
#include "model/command.h"

/* The spans of what a pending waits for. A pending has one at a time, and of one that nobody follows each of these functions costs
 * one branch. */

/* The slow halves. */
void pending_span_begin_call(struct pending *p);
void pending_span_end_call(struct pending *p);
void pending_span_end_hop(struct pending *p, enum larder_error error, enum result result);

/* `call.op` is about to be handed in. */
static inline void pending_span_call_begins(struct pending *p) {
    if (__builtin_expect(p->scope != NULL, 0)) {
        pending_span_begin_call(p);
    }
}

/* The call, if there is one, has its answer. */
static inline void pending_span_call_ended(struct pending *p) {
    if (__builtin_expect(p->span != NULL, 0) && p->store != NULL) {
        pending_span_end_call(p);
    }
}

/* It is about to be asked of another node: *ret_context is what goes with it, all zeros if nobody follows it. */
void pending_span_hop_begins(struct pending *p, enum command command, struct trace_context *ret_context);

/* The other node has answered `result`, or there is an error. */
static inline void pending_span_hop_ended(struct pending *p, enum larder_error error, enum result result) {
    if (__builtin_expect(p->span != NULL, 0)) {
        pending_span_end_hop(p, error, result);
    }
}

/* Ends what is still open. */
static inline void pending_span_end(struct pending *p) {
    if (__builtin_expect(p->span != NULL, 0)) {
        pending_span_end_call(p);
    }
}

#endif
