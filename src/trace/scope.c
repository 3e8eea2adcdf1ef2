/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/scope.h"

#include <stdlib.h>

struct trace_scope *trace_scope_new(const struct trace_context *context, struct slice state) {
    struct trace_scope *scope = malloc(sizeof(*scope) + state.size);

    if (scope == NULL) {
        return NULL;
    }
    atomic_init(&scope->references, 1);
    scope->context = *context;
    scope->state_size = state.size;
    if (state.size > 0) {
        memcpy(scope->state, state.data, state.size);
    }
    return scope;
}

void trace_scope_unref(struct trace_scope *scope) {
    if (scope != NULL && atomic_fetch_sub_explicit(&scope->references, 1, memory_order_acq_rel) == 1) {
        free(scope);
    }
}
