/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/client_state.h"
#include "proto/grpc/limits.h"

enum { FIELD_EXTRA = 32 /* what a field counts beside its bytes (RFC 9113, 6.5.2) */ };

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_client *client = user;

    (void)session;
    (void)frame;
    client->list_size = 0;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    struct grpc_client *client = user;
    struct client_call *call = client_call_find(client, frame->hd.stream_id);

    (void)session;
    (void)flags;
    client->list_size += name_size + value_size + FIELD_EXTRA;
    if (client->list_size > GRPC_HEADER_LIST_BREAK) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (call != NULL) {
        client_call_field(call, slice_make((const char *)name, name_size), slice_make((const char *)value, value_size));
    }
    return 0;
}

/* The server is through with the call. If we are not, nothing that we would still send is of use. */
static void end_answer(struct client_call *call) {
    if (nghttp2_session_get_stream_local_close(call->call.client->wire.session, call->call.id) == 0) {
        call->is_half_open = true;
        client_call_due(call);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_client *client = user;
    struct client_call *call;

    (void)session;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        client->heard.pongs++;
    }
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    client->heard.frames++;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        call = client_call_find(client, frame->hd.stream_id);
        if (call != NULL) {
            end_answer(call);
        }
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
    struct client_call *call = client_call_find(user, id);

    (void)session;
    (void)flags;
    if (call != NULL) {
        client_call_feed(call, slice_make((const char *)data, size));
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    struct grpc_client *client = user;
    struct client_call *call;
    struct grpc_end end;

    (void)session;
    if (client->is_broken) {
        return 0; /* all calls end together, also those that have no stream yet */
    }
    call = client_call_find(client, id);
    if (call != NULL) {
        end = client_call_verdict(call, error);
        client_call_end(call, &end, false);
    }
    return 0;
}

/* The GOAWAY with which nghttp2 ends a broken connection. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_client *client = user;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        client->is_broken = true;
    }
    return 0;
}

int client_events_set(nghttp2_session_callbacks **ret_callbacks) {
    nghttp2_session_callbacks *callbacks;
    int error = nghttp2_session_callbacks_new(&callbacks);

    if (error != 0) {
        return error;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, client_call_put_data);
    *ret_callbacks = callbacks;
    return 0;
}
