/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/grpc/client_state.h"
#include "proto/grpc/limits.h"

/* All but the bytes of `out`, which are written before they are read. */
static void prepare(struct client_call *call, struct grpc_client *client) {
    call->call = (struct grpc_call){.client = client};
    call->next_due = NULL;
    call->is_due = false;
    call->has_room = false;
    call->is_half_open = false;
    call->is_ended = false;
    call->is_cancelled = false;
    call->is_failed = false;
    call->is_paused = false;
    call->is_full = false;
    call->is_held = false;
    call->has_status = false;
    call->http_status = 0;
    call->status = GRPC_UNKNOWN;
    call->text = NULL;
    call->text_size = 0;
    grpc_reader_init(&call->in);
    grpc_queue_init(&call->out);
}

static void link_call(struct grpc_client *client, struct client_call *call) {
    call->previous = NULL;
    call->next = client->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    client->calls = call;
    client->call_count++;
}

static void unlink_call(struct grpc_client *client, struct client_call *call) {
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        client->calls = call->next;
    }
    client->call_count--;
    if (client->recent == call) {
        client->recent = NULL;
    }
}

static void forget_due(struct grpc_client *client, struct client_call *call) {
    struct client_call **at = &client->due;

    while (*at != call) {
        at = &(*at)->next_due;
    }
    *at = call->next_due;
    call->is_due = false;
}

struct client_call *client_call_new(struct grpc_client *client) {
    struct client_call *call = client->spare;

    if (call != NULL) {
        client->spare = call->next;
        client->spare_count--;
    } else {
        call = malloc(sizeof(*call));
        if (call == NULL) {
            return NULL;
        }
    }
    prepare(call, client);
    link_call(client, call);
    return call;
}

static void put_away(struct client_call *call, bool keep) {
    struct grpc_client *client = call->call.client;

    client->partial_bytes -= call->in.partial.capacity;
    client->waiting_bytes -= grpc_queue_memory(&call->out);
    grpc_reader_fini(&call->in);
    grpc_queue_fini(&call->out);
    free(call->text);
    if (client->spare_count < GRPC_SPARE_CALLS || keep) {
        call->next = client->spare;
        client->spare = call;
        client->spare_count++;
    } else {
        free(call);
    }
}

void client_call_take_back(struct client_call *call) {
    unlink_call(call->call.client, call);
    put_away(call, false);
}

void client_call_end(struct client_call *call, const struct grpc_end *end, bool keep) {
    struct grpc_client *client = call->call.client;

    unlink_call(client, call);
    if (call->is_due) {
        forget_due(client, call);
    }
    client->events->on_close(client->ctx, &call->call, end);
    put_away(call, keep);
}

struct client_call *client_call_find(struct grpc_client *client, int32_t id) {
    struct client_call *call = client->recent;

    if (call == NULL || call->call.id != id) {
        call = nghttp2_session_get_stream_user_data(client->wire.session, id);
        client->recent = call;
    }
    return call;
}

void client_call_free_spare(struct grpc_client *client) {
    while (client->spare != NULL) {
        struct client_call *call = client->spare;

        client->spare = call->next;
        free(call);
    }
    client->spare_count = 0;
}
