/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/observe/traced_call.h"

#include <stdio.h>

#include "cli/observe/tool_trace.h"

enum { WORDS_MAX = 256 };

struct larder_span *traced_call_begin(const char *name, const struct address *server) {
    struct larder_span *span = tool_trace_call(name);

    larder_span_set_string(span, "server.address", server->host);
    if (server->kind == ADDRESS_UNIX) {
        larder_span_set_string(span, "network.transport", "unix");
    } else {
        larder_span_set_int(span, "server.port", server->port);
    }
    return span;
}

/* The words that liblarder has for them. */
static const char *type_of(enum larder_error error) {
    switch (error) {
    case LARDER_ERROR_NO_MEMORY:
        return "no_memory";
    case LARDER_ERROR_INVALID:
        return "invalid";
    case LARDER_ERROR_LIMIT:
        return "too_large";
    case LARDER_ERROR_NOT_FOUND:
        return "unresolved";
    case LARDER_ERROR_REFUSED:
    case LARDER_ERROR_UNREACHABLE:
        return "unreachable";
    case LARDER_ERROR_CLOSED:
        return "closed";
    case LARDER_ERROR_TIMEOUT:
        return "timeout";
    case LARDER_ERROR_PROTOCOL:
        return "protocol";
    default:
        return "other";
    }
}

void traced_call_fail(struct larder_span *span, enum larder_error error) {
    larder_span_set_string(span, "error.type", type_of(error));
    larder_span_set_status(span, LARDER_SPAN_ERROR, larder_error_text(error));
}

void traced_call_refuse(struct larder_span *span, struct slice words) {
    char message[WORDS_MAX];

    snprintf(message, sizeof(message), "%.*s", (int)words.size, words.size == 0 ? "" : words.data);
    larder_span_set_status(span, LARDER_SPAN_ERROR, message);
}
