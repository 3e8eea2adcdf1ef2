/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "proto/grpc/client_state.h"
#include "proto/grpc/limits.h"
#include "proto/grpc/timeout.h"

enum { FIELDS_MAX = 13 };

void client_call_due(struct client_call *call) {
    struct grpc_client *client = call->call.client;

    if (!call->is_due) {
        call->is_due = true;
        call->next_due = client->due;
        client->due = call;
    }
}

/* The callback of nghttp2's data provider. The bytes stay in the queue until the frame is written. */
static ssize_t read_queue(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t most, uint32_t *ret_flags,
                          nghttp2_data_source *source, void *user) {
    struct client_call *call = source->ptr;
    size_t waiting = grpc_queue_waiting(&call->out).size;
    size_t size = waiting < most ? waiting : most;

    (void)session;
    (void)id;
    (void)buffer;
    (void)user;
    *ret_flags = NGHTTP2_DATA_FLAG_NO_COPY;
    if (waiting == 0 && !call->is_ended) {
        call->is_paused = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (size == waiting && call->is_ended) {
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)size;
}

#define FIELD GRPC_WIRE_FIELD

static const nghttp2_nv first_fields[] = {
    FIELD(":method", "POST"),
    FIELD(":scheme", "http"),
    FIELD("te", "trailers"),
    FIELD("content-type", "application/grpc"),
    FIELD("user-agent", "larder/" LARDER_VERSION),
};

static const nghttp2_nv has_leader_field = FIELD("hasleader", "true");
static const nghttp2_nv nameless_field = FIELD("grpcgateway-accept", "application/json");

enum { FIRST_FIELDS = sizeof(first_fields) / sizeof(first_fields[0]) };

/* Pseudo-header fields stand before all others (RFC 9113, 8.3). */
static size_t make_fields(const struct grpc_client *client, struct slice path, const struct grpc_call_options *options,
                          struct slice timeout, nghttp2_nv ret_fields[FIELDS_MAX]) {
    struct slice authority = slice_make(client->authority, client->authority_size);
    size_t count = 0;

    ret_fields[count++] = first_fields[0];
    ret_fields[count++] = first_fields[1];
    ret_fields[count++] = grpc_wire_field(SLICE(":path"), path, 0);
    ret_fields[count++] = grpc_wire_field(SLICE(":authority"), authority, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    for (size_t i = 2; i < FIRST_FIELDS; i++) {
        ret_fields[count++] = first_fields[i];
    }
    if (timeout.size > 0) {
        /* It is another each time: in the table of HPACK it would only push the others out. */
        ret_fields[count++] = grpc_wire_field(SLICE("grpc-timeout"), timeout, NGHTTP2_NV_FLAG_NO_INDEX);
    }
    if (options->token.size > 0) {
        ret_fields[count++] = grpc_wire_field(SLICE("token"), options->token, 0);
    }
    if (options->has_leader) {
        ret_fields[count++] = has_leader_field;
    }
    if (options->is_nameless) {
        ret_fields[count++] = nameless_field;
    }
    if (options->traceparent.size > 0) {
        ret_fields[count++] = grpc_wire_field(SLICE("traceparent"), options->traceparent, NGHTTP2_NV_FLAG_NO_INDEX);
    }
    if (options->tracestate.size > 0) {
        ret_fields[count++] = grpc_wire_field(SLICE("tracestate"), options->tracestate, 0);
    }
    return count;
}

struct grpc_call *grpc_client_call(struct grpc_client *client, struct slice path,
                                   const struct grpc_call_options *options) {
    nghttp2_nv fields[FIELDS_MAX];
    char timeout[GRPC_TIMEOUT_MAX];
    size_t timeout_size = options->timeout_ns > 0 ? grpc_timeout_format(options->timeout_ns, timeout) : 0;
    size_t count = make_fields(client, path, options, slice_make(timeout, timeout_size), fields);
    nghttp2_data_provider provider = {.read_callback = read_queue};
    struct client_call *call;

    if (!grpc_client_is_open(client)) {
        return NULL;
    }
    call = client_call_new(client);
    if (call == NULL) {
        return NULL;
    }
    provider.source.ptr = call;
    call->call.id = nghttp2_submit_request(client->wire.session, NULL, fields, count, &provider, call);
    if (call->call.id < 0) {
        client_call_take_back(call);
        return NULL;
    }
    return &call->call;
}

/* Makes nghttp2 look at the queue again. */
static int wake(struct client_call *call) {
    if (!call->is_paused) {
        return 0;
    }
    call->is_paused = false;
    return nghttp2_session_resume_data(call->call.client->wire.session, call->call.id);
}

/* After the server has ended its side, nothing is sent any more. */
static bool is_sending(const struct client_call *call) {
    return !call->is_cancelled && !call->is_failed && !call->is_half_open && !call->call.client->is_broken;
}

char *grpc_call_message(struct grpc_call *public_call, size_t size) {
    struct client_call *call = client_call_of(public_call);
    struct grpc_client *client = public_call->client;
    size_t before = grpc_queue_memory(&call->out);
    char *message;

    assert(!call->is_ended && !call->is_cancelled);
    if (!is_sending(call)) {
        return NULL;
    }
    message = grpc_queue_message(&call->out, size, GRPC_CALL_WAITING_MAX);
    client->waiting_bytes += grpc_queue_memory(&call->out) - before;
    if (message == NULL) {
        return NULL;
    }
    if (wake(call) != 0) {
        client->is_broken = true; /* no memory in the midst of a call */
        return NULL;
    }
    call->is_full = grpc_queue_waiting(&call->out).size >= client->limits.full_at;
    return message;
}

void grpc_call_end_sending(struct grpc_call *public_call) {
    struct client_call *call = client_call_of(public_call);

    if (call->is_ended) {
        return;
    }
    call->is_ended = true;
    if (is_sending(call) && wake(call) != 0) {
        public_call->client->is_broken = true;
    }
}

static void reset(struct client_call *call, uint32_t code) {
    struct grpc_client *client = call->call.client;

    if (nghttp2_submit_rst_stream(client->wire.session, NGHTTP2_FLAG_NONE, call->call.id, code) != 0) {
        client->is_broken = true;
    }
}

void grpc_call_cancel(struct grpc_call *public_call) {
    struct client_call *call = client_call_of(public_call);

    if (!call->is_cancelled && !call->call.client->is_broken) {
        reset(call, NGHTTP2_CANCEL);
    }
    call->is_cancelled = true;
}

void client_call_fail(struct client_call *call, enum grpc_status status, struct slice text) {
    call->is_failed = true;
    call->status = status;
    free(call->text);
    call->text = malloc(text.size);
    call->text_size = 0;
    if (call->text != NULL) {
        memcpy(call->text, text.data, text.size);
        call->text_size = text.size;
    }
    reset(call, NGHTTP2_CANCEL);
}

bool grpc_call_is_full(const struct grpc_call *call) {
    return ((const struct client_call *)(const void *)call)->is_full;
}

int client_call_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t size,
                         nghttp2_data_source *source, void *user) {
    struct client_call *call = source->ptr;
    struct grpc_client *client = user;
    size_t before = grpc_queue_memory(&call->out);
    int error;

    (void)session;
    (void)frame;
    error = grpc_wire_put_data(&client->wire, header, size, &call->out);
    client->waiting_bytes += grpc_queue_memory(&call->out) - before;
    if (error == 0 && call->is_full && grpc_queue_waiting(&call->out).size <= client->limits.full_at / 2) {
        call->is_full = false;
        call->has_room = true;
        client_call_due(call);
    }
    return error;
}

/* --- what comes in --- */

/* A window that has shrunk does not open again by itself as bytes come. */
static bool set_window(struct grpc_call *call, bool is_held) {
    struct client_call *c = client_call_of(call);
    struct grpc_client *client = call->client;

    if (c->is_held == is_held || client->is_broken || c->is_cancelled || c->is_failed) {
        return !client->is_broken;
    }
    c->is_held = is_held;
    if (nghttp2_session_set_local_window_size(client->wire.session, NGHTTP2_FLAG_NONE, call->id,
                                              is_held ? 0 : GRPC_CLIENT_STREAM_WINDOW) != 0) {
        client->is_broken = true;
    }
    return !client->is_broken;
}

bool grpc_call_hold(struct grpc_call *call) {
    return set_window(call, true);
}

bool grpc_call_go_on(struct grpc_call *call) {
    return set_window(call, false);
}
