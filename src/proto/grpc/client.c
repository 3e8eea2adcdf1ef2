/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/client.h"

#include <stdlib.h>

#include "proto/grpc/client_state.h"
#include "proto/grpc/limits.h"

static int make_session(struct grpc_client *client, nghttp2_session_callbacks *callbacks, nghttp2_option *option) {
    nghttp2_mem memory = grpc_memory_interface(&client->wire.memory);

    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, GRPC_ACKS);
    nghttp2_option_set_max_settings(option, GRPC_SETTINGS);
    return nghttp2_session_client_new3(&client->wire.session, callbacks, client, option, &memory);
}

static int open_session(struct grpc_client *client) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int error = client_events_set(&callbacks);

    if (error == 0) {
        error = nghttp2_option_new(&option);
    }
    if (error == 0) {
        error = make_session(client, callbacks, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return error;
}

/* Our SETTINGS, and the window of the connection, which they cannot say. */
static int greet(struct grpc_client *client) {
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, GRPC_CLIENT_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_LIST_BREAK},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_session *session = client->wire.session;
    int error = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));

    return error != 0
               ? error
               : nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, GRPC_CLIENT_CONNECTION_WINDOW);
}

static bool keep_authority(struct grpc_client *client, struct slice authority) {
    client->authority = malloc(authority.size > 0 ? authority.size : 1);
    if (client->authority == NULL) {
        return false;
    }
    if (authority.size > 0) {
        memcpy(client->authority, authority.data, authority.size);
    }
    client->authority_size = authority.size;
    return true;
}

struct grpc_client *grpc_client_new(const struct grpc_client_limits *limits, struct slice authority,
                                    const struct grpc_client_events *events, void *ctx) {
    struct grpc_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->limits = *limits;
    client->events = events;
    client->ctx = ctx;
    client->wire.memory.limit = GRPC_CLIENT_SESSION_BYTES;
    if (!keep_authority(client, authority) || open_session(client) != 0 || greet(client) != 0) {
        grpc_client_free(client);
        return NULL;
    }
    return client;
}

/* nghttp2 still knows the calls, so their structs stay until it is gone. */
static void end_calls(struct grpc_client *client) {
    while (client->calls != NULL) {
        struct client_call *call = client->calls;
        struct grpc_end end = {.status = call->is_cancelled ? GRPC_CANCELLED : GRPC_UNAVAILABLE,
                               .text = SLICE("the connection ended before the call")};

        (void)nghttp2_session_set_stream_user_data(client->wire.session, call->call.id, NULL);
        client_call_end(call, &end, true);
    }
}

void grpc_client_free(struct grpc_client *client) {
    if (client == NULL) {
        return;
    }
    client->is_broken = true; /* what on_close does to other calls goes nowhere */
    end_calls(client);
    grpc_memory_fini(&client->wire.memory);
    client_call_free_spare(client);
    free(client->authority);
    free(client);
}

static void break_connection(struct grpc_client *client) {
    client->is_broken = true;
    /* Says no more than what was said before. Without memory, nothing is said. */
    (void)nghttp2_session_terminate_session(client->wire.session, NGHTTP2_PROTOCOL_ERROR);
    end_calls(client);
}

bool grpc_client_feed(struct grpc_client *client, struct slice input) {
    if (!client->is_broken &&
        nghttp2_session_mem_recv(client->wire.session, (const uint8_t *)input.data, input.size) < 0) {
        client->is_broken = true;
    }
    if (client->is_broken) {
        break_connection(client);
    }
    return !client->is_broken;
}

static void settle(struct client_call *call) {
    struct grpc_client *client = call->call.client;

    if (call->is_half_open && !call->is_cancelled && !call->is_failed) {
        if (nghttp2_submit_rst_stream(client->wire.session, NGHTTP2_FLAG_NONE, call->call.id, NGHTTP2_NO_ERROR) != 0) {
            client->is_broken = true;
        }
        return;
    }
    if (call->has_room && !call->is_full && !call->is_cancelled && !call->is_failed &&
        client->events->on_room != NULL) {
        call->has_room = false;
        client->events->on_room(client->ctx, &call->call);
    }
}

/* Does what waited for the end of nghttp2's own work. */
static void settle_due(struct grpc_client *client) {
    while (client->due != NULL) {
        struct client_call *call = client->due;

        client->due = call->next_due;
        call->is_due = false;
        settle(call);
    }
}

bool grpc_client_write(struct grpc_client *client, struct outbox *out, size_t most, bool *ret_more) {
    bool good;

    do {
        settle_due(client);
        good = grpc_wire_pump(&client->wire, out, most);
    } while (good && !client->is_broken && client->due != NULL && outbox_pending(out) < most);
    client->is_dead |= !good;
    if (!good || client->is_broken) {
        break_connection(client);
    }
    *ret_more = good && outbox_pending(out) >= most && nghttp2_session_want_write(client->wire.session) != 0;
    return good;
}

bool grpc_client_is_open(const struct grpc_client *client) {
    return !client->is_broken && nghttp2_session_check_request_allowed(client->wire.session) != 0;
}

bool grpc_client_is_over(const struct grpc_client *client) {
    return client->call_count == 0 && !grpc_client_is_open(client) &&
           (client->is_dead || nghttp2_session_want_write(client->wire.session) == 0);
}

size_t grpc_client_calls(const struct grpc_client *client) {
    return client->call_count;
}

uint32_t grpc_client_max_calls(const struct grpc_client *client) {
    return nghttp2_session_get_remote_settings(client->wire.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool grpc_client_ping(struct grpc_client *client) {
    return !client->is_broken && nghttp2_submit_ping(client->wire.session, NGHTTP2_FLAG_NONE, NULL) == 0;
}

struct grpc_client_heard grpc_client_heard(const struct grpc_client *client) {
    return client->heard;
}

size_t grpc_client_memory(const struct grpc_client *client) {
    return sizeof(*client) + client->authority_size + client->wire.memory.bytes + client->partial_bytes +
           client->waiting_bytes + (client->call_count + client->spare_count) * sizeof(struct client_call);
}
