/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "proto/grpc/limits.h"
#include "proto/grpc/server_fields.h"
#include "proto/grpc/server_state.h"

/* Ends the connection because the client overdoes something. */
static int calm(struct grpc_server *server) {
    return nghttp2_session_terminate_session(server->wire.session, NGHTTP2_ENHANCE_YOUR_CALM) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int count_reset(struct grpc_server *server) {
    return grpc_bucket_take(&server->resets, clock_monotonic_ns()) ? 0 : calm(server);
}

/* Frames that cost us something and bring nothing: DATA without bytes (CVE-2019-9518), PRIORITY. Those of unknown types
 * never come here. */
static bool is_idle(const nghttp2_frame_hd *frame) {
    return (frame->type == NGHTTP2_DATA && frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0) ||
           frame->type == NGHTTP2_PRIORITY;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *user) {
    struct grpc_server *server = user;

    (void)session;
    if (frame->type == NGHTTP2_CONTINUATION) {
        return ++server->continuations > GRPC_CONTINUATIONS ? calm(server) : 0;
    }
    if (is_idle(frame)) {
        return ++server->idle_frames > GRPC_IDLE_FRAMES ? calm(server) : 0;
    }
    if (frame->type == NGHTTP2_DATA || frame->type == NGHTTP2_HEADERS) {
        server->idle_frames = 0;
        server->continuations = 0;
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_server *server = user;

    (void)session;
    (void)frame;
    grpc_head_reader_clear(&server->head);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user) {
    struct grpc_server *server = user;

    (void)session;
    (void)frame;
    (void)flags;
    grpc_head_reader_add(&server->head, name, value);
    return server->head.list_size > GRPC_HEADER_LIST_BREAK ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static int open_call(struct grpc_server *server, const nghttp2_frame *frame) {
    bool is_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    enum server_fault fault = server_fault_of(&server->head);
    struct server_call *call = NULL;
    struct grpc_head head;

    if (server->is_draining) {
        /* It is above the number that the GOAWAY names, so the client sends it again elsewhere: nothing of it may be done. */
        return nghttp2_submit_rst_stream(server->wire.session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (fault == SERVER_FAULT_NONE) {
        call = server_call_new(server, frame->hd.stream_id);
        fault = call == NULL ? SERVER_FAULT_MEMORY : SERVER_FAULT_NONE;
    }
    if (fault != SERVER_FAULT_NONE) {
        return server_fault_answer(server->wire.session, frame->hd.stream_id, fault) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    call->is_ended = is_ended;
    head = grpc_head_reader_head(&server->head);
    server->events->on_open(server->ctx, &call->stream, &head);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_server *server = user;
    struct server_call *call;
    int error = 0;

    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        return count_reset(server);
    }
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) {
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            error = open_call(server, frame);
        }
        grpc_head_reader_clear(&server->head);
    }
    if (error == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        call = server_call_find(server, frame->hd.stream_id);
        if (call != NULL) {
            call->is_ended = true;
            server_call_end_input(call);
        }
    }
    return error;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
    struct grpc_server *server = user;
    struct server_call *call = server_call_find(server, id);

    (void)session;
    if (call != NULL) {
        call->is_ended |= (flags & NGHTTP2_FLAG_END_STREAM) != 0;
        server_call_feed(call, slice_make((const char *)data, size));
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    struct server_call *call = server_call_find(user, id);

    (void)session;
    (void)error;
    if (call != NULL) {
        server_call_end(call, false);
    }
    return 0;
}

/* An answer is through; a client that is still sending is told to stop (RFC 9113, 8.1). */
static int end_answer(struct grpc_server *server, int32_t id) {
    struct server_call *call = server_call_find(server, id);
    bool is_ended =
        call != NULL ? call->is_ended : nghttp2_session_get_stream_remote_close(server->wire.session, id) != 0;

    return is_ended || nghttp2_submit_rst_stream(server->wire.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Whether a reset that we send is for something the client did wrong. It cannot know yet that the server drains. */
static bool is_fault(const struct grpc_server *server, uint32_t code) {
    return code != NGHTTP2_NO_ERROR && !(server->is_draining && code == NGHTTP2_REFUSED_STREAM);
}

/* Also what nghttp2 says on its own: a reset for each fault of the client's, and the GOAWAY that ends a broken
 * connection. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct grpc_server *server = user;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 ? end_answer(server, frame->hd.stream_id) : 0;
    case NGHTTP2_RST_STREAM:
        return is_fault(server, frame->rst_stream.error_code) ? count_reset(server) : 0;
    case NGHTTP2_GOAWAY:
        server->is_broken |= frame->goaway.error_code != NGHTTP2_NO_ERROR;
        return 0;
    default:
        return 0;
    }
}

int server_events_set(nghttp2_session_callbacks **ret_callbacks) {
    nghttp2_session_callbacks *callbacks;
    int error = nghttp2_session_callbacks_new(&callbacks);

    if (error != 0) {
        return error;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, server_call_put_data);
    *ret_callbacks = callbacks;
    return 0;
}
