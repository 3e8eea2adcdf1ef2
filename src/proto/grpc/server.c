/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "proto/grpc/limits.h"
#include "proto/grpc/server_state.h"

static int make_session(struct grpc_server *server, nghttp2_session_callbacks *callbacks, nghttp2_option *option) {
    nghttp2_mem memory = grpc_memory_interface(&server->wire.memory);

    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, GRPC_ACKS);
    nghttp2_option_set_max_settings(option, GRPC_SETTINGS);
    return nghttp2_session_server_new3(&server->wire.session, callbacks, server, option, &memory);
}

static int open_session(struct grpc_server *server) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int error = server_events_set(&callbacks);

    if (error == 0) {
        error = nghttp2_option_new(&option);
    }
    if (error == 0) {
        error = make_session(server, callbacks, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return error;
}

/* Our SETTINGS, and the window of the connection, which they cannot say. */
static int greet(struct grpc_server *server) {
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->limits.max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, GRPC_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_LIST_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_session *session = server->wire.session;
    int error = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));

    return error != 0 ? error
                      : nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, GRPC_CONNECTION_WINDOW);
}

struct grpc_server *grpc_server_new(const struct grpc_server_limits *limits, const struct grpc_server_events *events,
                                    void *ctx) {
    struct grpc_server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return NULL;
    }
    server->limits = *limits;
    server->events = events;
    server->ctx = ctx;
    server->wire.memory.limit = GRPC_SESSION_BYTES + (size_t)limits->max_streams * GRPC_SESSION_STREAM_BYTES;
    grpc_bucket_init(&server->resets, GRPC_RESETS_AT_ONCE, GRPC_RESETS_PER_S, clock_monotonic_ns());
    if (open_session(server) != 0 || greet(server) != 0) {
        grpc_server_free(server);
        return NULL;
    }
    return server;
}

/* nghttp2 still knows the calls, so their structs stay until it is gone. */
static void end_calls(struct grpc_server *server) {
    while (server->calls != NULL) {
        struct server_call *call = server->calls;

        (void)nghttp2_session_set_stream_user_data(server->wire.session, call->stream.id, NULL);
        server_call_end(call, true);
    }
}

void grpc_server_free(struct grpc_server *server) {
    if (server == NULL) {
        return;
    }
    server->is_broken = true; /* what on_close does to other calls goes nowhere */
    end_calls(server);
    grpc_head_reader_clear(&server->head);
    grpc_memory_fini(&server->wire.memory);
    server_call_free_spare(server);
    free(server);
}

/* `code` is said unless another was before. */
static void break_connection(struct grpc_server *server, uint32_t code) {
    server->is_broken = true;
    (void)nghttp2_session_terminate_session(server->wire.session, code); /* without memory, without a word */
    end_calls(server);
}

/* What nghttp2_session_mem_recv gives up for, to the client. */
static uint32_t code_of(ssize_t error) {
    switch (error) {
    case NGHTTP2_ERR_FLOODED:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        return NGHTTP2_PROTOCOL_ERROR;
    default:
        return NGHTTP2_INTERNAL_ERROR;
    }
}

bool grpc_server_feed(struct grpc_server *server, struct slice input) {
    ssize_t taken;

    if (server->is_broken) {
        break_connection(server, NGHTTP2_INTERNAL_ERROR);
        return false;
    }
    taken = nghttp2_session_mem_recv(server->wire.session, (const uint8_t *)input.data, input.size);
    if (taken < 0 || server->is_broken) {
        break_connection(server, code_of(taken));
        return false;
    }
    return true;
}

/* Tells the calls that have room again; outside of nghttp2, because they will answer. Whether there were any. */
static bool tell_roomy(struct grpc_server *server) {
    bool some = server->roomy != NULL;

    while (server->roomy != NULL) {
        struct server_call *call = server->roomy;

        server->roomy = call->next_roomy;
        call->is_roomy = false;
        if (!call->is_full && !call->is_finished) {
            server->events->on_room(server->ctx, &call->stream);
        }
    }
    return some;
}

bool grpc_server_write(struct grpc_server *server, struct outbox *out, size_t most, bool *ret_more) {
    bool good;

    do {
        good = grpc_wire_pump(&server->wire, out, most);
    } while (good && !server->is_broken && tell_roomy(server) && outbox_pending(out) < most);
    server->is_dead |= !good;
    if (!good || server->is_broken) {
        break_connection(server, NGHTTP2_INTERNAL_ERROR);
    }
    *ret_more = good && outbox_pending(out) >= most && nghttp2_session_want_write(server->wire.session) != 0;
    return good;
}

void grpc_server_drain(struct grpc_server *server) {
    if (server->is_draining || server->is_broken) {
        return;
    }
    server->is_draining = true;
    if (nghttp2_submit_goaway(server->wire.session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(server->wire.session), NGHTTP2_NO_ERROR, NULL,
                              0) != 0) {
        server->is_broken = true;
    }
}

size_t grpc_server_calls(const struct grpc_server *server) {
    return server->call_count;
}

bool grpc_server_is_over(const struct grpc_server *server) {
    return (server->is_draining || server->is_broken) && server->call_count == 0 &&
           (server->is_dead || nghttp2_session_want_write(server->wire.session) == 0);
}

size_t grpc_server_memory(const struct grpc_server *server) {
    return sizeof(*server) + server->wire.memory.bytes + server->partial_bytes + server->waiting_bytes +
           (server->call_count + server->spare_count) * sizeof(struct server_call);
}
