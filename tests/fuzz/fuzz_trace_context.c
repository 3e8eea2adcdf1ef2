/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a traceparent and as a tracestate: what is taken is written as version 00, and read again it is the same; what is
 * accepted of a tracestate is a beginning of it that is accepted again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "trace/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(struct slice text) {
    struct trace_context context, again;
    char written[TRACE_PARENT_TEXT_MAX];

    if (trace_parent_parse(text, &context)) {
        assert(trace_context_is_valid(&context));
        assert(trace_parent_parse(slice_from_string(trace_parent_write(&context, written)), &again));
        assert(memcmp(&context, &again, sizeof(context)) == 0);
    }
}

static void check_state(struct slice text) {
    struct slice accepted = trace_state_accept(text);

    assert(accepted.size <= TRACE_STATE_MAX);
    if (accepted.size > 0) {
        assert(accepted.data >= text.data && accepted.data + accepted.size <= text.data + text.size);
        assert(slice_equal(trace_state_accept(accepted), accepted));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);

    assert(exact != NULL);
    memcpy(exact, data, size);
    check_parent(slice_make(exact, size));
    check_state(slice_make(exact, size));
    free(exact);
    return 0;
}
