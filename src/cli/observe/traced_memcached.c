/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: opentelemetry.io/docs/specs/semconv/database. */
#include "cli/observe/traced_memcached.h"

#include "cli/observe/tool_trace.h"
#include "cli/observe/traced_call.h"

/* As memcached calls it. */
static const char *operation_of(enum command command) {
    return command == COMMAND_FLUSH ? "flush_all" : command_label(command);
}

static void *begin(const struct address *server, const struct request *request) {
    const char *operation = operation_of(request->command);
    struct larder_span *span = traced_call_begin(operation, server);

    larder_span_set_string(span, "db.system.name", "memcached");
    larder_span_set_string(span, "db.operation.name", operation);
    return span;
}

static void tell_read(struct larder_span *span, bool hit) {
    larder_span_set_bool(span, "cache.hit", hit);
    larder_span_add_event(span, hit ? "Cache hit" : "Cache miss");
}

static void tell_answer(struct larder_span *span, const struct answer *answer) {
    switch (result_class(answer->reply.result)) {
    case RESULT_CLASS_HIT:
        tell_read(span, true);
        break;
    case RESULT_CLASS_MISS:
        tell_read(span, false);
        break;
    case RESULT_CLASS_OK:
    case RESULT_CLASS_ABSENT:
    case RESULT_CLASS_CONFLICT:
        break;
    default:
        larder_span_set_string(span, "error.type", "server");
        traced_call_refuse(span, answer->text);
        break;
    }
}

static void end(void *call, enum larder_error error, const struct answer *answer) {
    struct larder_span *span = call;

    if (error != LARDER_OK) {
        traced_call_fail(span, error);
    } else {
        tell_answer(span, answer);
    }
    larder_span_end(span);
}

const struct client_observer *traced_memcached(void) {
    static const struct client_observer observer = {begin, end};

    return tool_trace_is_on() ? &observer : NULL;
}
