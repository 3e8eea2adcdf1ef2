/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/grpc/limits.h"
#include "proto/grpc/server_state.h"

/* All but the bytes of `out`, which are written before they are read. */
static void prepare(struct server_call *call, struct grpc_server *server, int32_t id) {
    call->stream = (struct grpc_stream){.server = server, .id = id};
    call->next_roomy = NULL;
    call->is_ended = false;
    call->is_finished = false;
    call->is_refused = false;
    call->is_answering = false;
    call->is_paused = false;
    call->is_closing = false;
    call->is_full = false;
    call->is_roomy = false;
    call->takes_turns = false;
    call->status = GRPC_OK;
    call->text = NULL;
    call->text_size = 0;
    grpc_reader_init(&call->in);
    grpc_queue_init(&call->out);
}

static void link_call(struct grpc_server *server, struct server_call *call) {
    call->previous = NULL;
    call->next = server->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    server->calls = call;
    server->call_count++;
    server->recent = call;
}

static void unlink_call(struct grpc_server *server, struct server_call *call) {
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        server->calls = call->next;
    }
    server->call_count--;
    if (server->recent == call) {
        server->recent = NULL;
    }
}

struct server_call *server_call_new(struct grpc_server *server, int32_t id) {
    struct server_call *call = server->spare;

    if (call != NULL) {
        server->spare = call->next;
        server->spare_count--;
    } else {
        call = malloc(sizeof(*call));
        if (call == NULL) {
            return NULL;
        }
    }
    prepare(call, server, id);
    link_call(server, call);
    (void)nghttp2_session_set_stream_user_data(server->wire.session, id, call); /* fails only if there is no stream */
    return call;
}

static void forget_roomy(struct grpc_server *server, struct server_call *call) {
    struct server_call **at = &server->roomy;

    while (*at != call) {
        at = &(*at)->next_roomy;
    }
    *at = call->next_roomy;
    call->is_roomy = false;
}

void server_call_end(struct server_call *call, bool keep) {
    struct grpc_server *server = call->stream.server;

    unlink_call(server, call);
    if (call->is_roomy) {
        forget_roomy(server, call);
    }
    server->events->on_close(server->ctx, &call->stream);
    server->partial_bytes -= call->in.partial.capacity;
    server->waiting_bytes -= grpc_queue_memory(&call->out);
    grpc_reader_fini(&call->in);
    grpc_queue_fini(&call->out);
    free(call->text);
    if (server->spare_count < GRPC_SPARE_CALLS || keep) {
        call->next = server->spare;
        server->spare = call;
        server->spare_count++;
    } else {
        free(call);
    }
}

struct server_call *server_call_find(struct grpc_server *server, int32_t id) {
    struct server_call *call = server->recent;

    if (call == NULL || call->stream.id != id) {
        call = nghttp2_session_get_stream_user_data(server->wire.session, id);
        server->recent = call;
    }
    return call;
}

void server_call_free_spare(struct grpc_server *server) {
    while (server->spare != NULL) {
        struct server_call *call = server->spare;

        server->spare = call->next;
        free(call);
    }
    server->spare_count = 0;
}
