/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "proto/grpc/client_state.h"
#include "proto/grpc/limits.h"
#include "proto/grpc/percent.h"

enum { STATUS_MOST = GRPC_UNAUTHENTICATED };

/* A status that nobody knows stands for UNKNOWN. */
static void read_status(struct client_call *call, struct slice value) {
    uint64_t number;

    call->has_status = true;
    call->status = number_parse_u64(value, &number) && number <= STATUS_MOST ? (enum grpc_status)number : GRPC_UNKNOWN;
}

static void read_text(struct client_call *call, struct slice value) {
    if (call->text != NULL || value.size == 0) {
        return;
    }
    call->text = malloc(value.size);
    if (call->text != NULL) { /* else the status goes without its text */
        call->text_size = grpc_percent_decode(value, call->text);
    }
}

void client_call_field(struct client_call *call, struct slice name, struct slice value) {
    uint64_t number;

    switch (name.size) {
    case 7:
        if (slice_equal(name, SLICE(":status"))) {
            call->http_status = number_parse_u64(value, &number) && number < 1000 ? (unsigned)number : 0;
        }
        break;
    case 11:
        if (slice_equal(name, SLICE("grpc-status"))) {
            read_status(call, value);
        }
        break;
    case 12:
        if (slice_equal(name, SLICE("grpc-message"))) {
            read_text(call, value);
        }
        break;
    default:
        break;
    }
}

static void refuse_message(struct client_call *call, enum grpc_read why) {
    char text[128];

    switch (why) {
    case GRPC_READ_TOO_LARGE:
        (void)snprintf(text, sizeof(text), "received a message larger than max (%zu vs. %zu)", (size_t)call->in.size,
                       call->call.client->limits.max_message);
        client_call_fail(call, GRPC_RESOURCE_EXHAUSTED, slice_from_string(text));
        break;
    case GRPC_READ_COMPRESSED:
        client_call_fail(call, GRPC_INTERNAL, SLICE("received a compressed message, which was not asked for"));
        break;
    default:
        client_call_fail(call, GRPC_RESOURCE_EXHAUSTED, SLICE("no memory for a message"));
        break;
    }
}

void client_call_feed(struct client_call *call, struct slice input) {
    struct grpc_client *client = call->call.client;

    while (!call->is_cancelled && !call->is_failed) {
        size_t others = client->partial_bytes - call->in.partial.capacity;
        struct slice message;
        enum grpc_read read =
            grpc_reader_next(&call->in, &input, client->limits.max_message, client->limits.max_message, &message);

        client->partial_bytes = others + call->in.partial.capacity;
        if (read == GRPC_READ_MORE) {
            return;
        }
        if (read != GRPC_READ_MESSAGE) {
            refuse_message(call, read);
            return;
        }
        client->events->on_message(client->ctx, &call->call, message);
    }
}

/* For answers that do not come from gRPC (github.com/grpc/grpc, "http-grpc-status-mapping.md"). */
static enum grpc_status status_of_http(unsigned http_status) {
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* PROTOCOL-HTTP2.md, "Errors". */
static enum grpc_status status_of_reset(uint32_t error) {
    switch (error) {
    case NGHTTP2_REFUSED_STREAM:
        return GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

struct grpc_end client_call_verdict(const struct client_call *call, uint32_t error) {
    struct slice text = slice_make(call->text, call->text_size);

    if (call->is_cancelled) {
        return (struct grpc_end){.status = GRPC_CANCELLED, .text = SLICE("given up")};
    }
    if (call->is_failed) {
        return (struct grpc_end){.status = call->status, .text = text};
    }
    if (error == NGHTTP2_REFUSED_STREAM) {
        return (struct grpc_end){
            .status = GRPC_UNAVAILABLE, .text = SLICE("the server did not take the call"), .untouched = true};
    }
    if (call->has_status && grpc_reader_is_inside(&call->in) && call->status == GRPC_OK) {
        return (struct grpc_end){.status = GRPC_INTERNAL, .text = SLICE("the last message was cut off")};
    }
    if (call->has_status) {
        return (struct grpc_end){.status = call->status, .text = text};
    }
    if (error != NGHTTP2_NO_ERROR) {
        return (struct grpc_end){.status = status_of_reset(error), .text = SLICE("the server reset the call")};
    }
    if (call->http_status != 200 && call->http_status != 0) {
        return (struct grpc_end){.status = status_of_http(call->http_status),
                                 .text = SLICE("the answer is HTTP's, not gRPC's")};
    }
    return (struct grpc_end){.status = GRPC_INTERNAL, .text = SLICE("the server ended the call without a status")};
}
