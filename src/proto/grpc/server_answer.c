/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "proto/grpc/limits.h"
#include "proto/grpc/percent.h"
#include "proto/grpc/server_fields.h"
#include "proto/grpc/server_state.h"

enum { FIELDS_MAX = 5 /* of one header block: status, content type, and those of the end */ };

/* Adds the fields that say how the call ended. */
static size_t add_end(const struct server_call *call, nghttp2_nv *fields, size_t count) {
    fields[count++] = *server_field_status(call->status);
    if (call->text != NULL) {
        fields[count++] = grpc_wire_field(SLICE("grpc-message"), slice_make(call->text, call->text_size), 0);
    }
    if (call->is_refused && call->status == GRPC_UNIMPLEMENTED) {
        fields[count++] = *server_field_identity();
    }
    return count;
}

static int submit_trailers(struct server_call *call) {
    nghttp2_nv fields[FIELDS_MAX];
    size_t count = add_end(call, fields, 0);

    call->is_closing = true;
    return nghttp2_submit_trailer(call->stream.server->wire.session, call->stream.id, fields, count);
}

/* Headers and trailers in one, for a call that ends without a message. */
static int submit_trailers_only(struct server_call *call) {
    nghttp2_nv fields[FIELDS_MAX];
    size_t count = add_end(call, fields, server_fields_begin(fields));

    call->is_closing = true;
    return nghttp2_submit_response(call->stream.server->wire.session, call->stream.id, fields, count, NULL);
}

/* The callback of nghttp2's data provider. The bytes stay in the queue until the frame is written. */
static ssize_t read_queue(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t most, uint32_t *ret_flags,
                          nghttp2_data_source *source, void *user) {
    struct server_call *call = source->ptr;
    size_t waiting = grpc_queue_waiting(&call->out).size;
    size_t size = waiting < most ? waiting : most;

    (void)session;
    (void)id;
    (void)buffer;
    (void)user;
    *ret_flags = NGHTTP2_DATA_FLAG_NO_COPY;
    if (call->is_closing || (waiting == 0 && !call->is_finished)) {
        call->is_paused = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (size < waiting || !call->is_finished) {
        return (ssize_t)size;
    }
    *ret_flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return submit_trailers(call) == 0 ? (ssize_t)size : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int begin_answer(struct server_call *call) {
    nghttp2_nv fields[FIELDS_MAX];
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_queue};

    call->is_answering = true;
    return nghttp2_submit_response(call->stream.server->wire.session, call->stream.id, fields,
                                   server_fields_begin(fields), &provider);
}

/* Makes nghttp2 look at the queue again. */
static int wake(struct server_call *call) {
    if (!call->is_paused) {
        return 0;
    }
    call->is_paused = false;
    return nghttp2_session_resume_data(call->stream.server->wire.session, call->stream.id);
}

/* A long answer must not keep the others of its connection waiting. */
static void take_turns(struct server_call *call) {
    nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};

    call->takes_turns = true;
    if (nghttp2_session_change_extpri_stream_priority(call->stream.server->wire.session, call->stream.id, &turns, 1) !=
        0) {
        call->stream.server->is_broken = true; /* no memory in the midst of an answer */
    }
}

static void note_waiting(struct server_call *call) {
    size_t waiting = grpc_queue_waiting(&call->out).size;

    if (waiting >= GRPC_TURNS_FROM && !call->takes_turns) {
        take_turns(call);
    }
    if (waiting >= call->stream.server->limits.full_at) {
        call->is_full = true;
    }
}

/* Bytes of memory that the call's queue may take. */
static size_t most_waiting(const struct server_call *call) {
    size_t others = call->stream.server->waiting_bytes - grpc_queue_memory(&call->out);

    if (others >= GRPC_WAITING_BYTES) {
        return 0;
    }
    return GRPC_WAITING_BYTES - others < GRPC_STREAM_WAITING_MAX ? GRPC_WAITING_BYTES - others
                                                                 : GRPC_STREAM_WAITING_MAX;
}

char *grpc_stream_message(struct grpc_stream *stream, size_t size) {
    struct server_call *call = call_of(stream);
    struct grpc_server *server = stream->server;
    size_t before = grpc_queue_memory(&call->out);
    char *message;

    assert(!call->is_finished || call->is_refused);
    if (call->is_finished || server->is_broken) {
        return NULL;
    }
    message = grpc_queue_message(&call->out, size, most_waiting(call));
    server->waiting_bytes += grpc_queue_memory(&call->out) - before;
    if (message == NULL) {
        return NULL;
    }
    if ((call->is_answering ? wake(call) : begin_answer(call)) != 0) {
        server->is_broken = true; /* no memory in the midst of an answer */
        return NULL;
    }
    note_waiting(call);
    return message;
}

/* Without its text, if there is no memory for that. */
static void keep_text(struct server_call *call, struct slice text) {
    if (text.size > GRPC_TEXT_BYTES) {
        text.size = GRPC_TEXT_BYTES;
    }
    call->text = text.size > 0 ? malloc(3 * text.size) : NULL;
    if (call->text != NULL) {
        call->text_size = grpc_percent_encode(text, call->text);
    }
}

static int submit_end(struct server_call *call) {
    if (!call->is_answering) {
        return submit_trailers_only(call);
    }
    /* What waits goes first: the trailers follow its last byte. With nothing left, no window has to open for them. */
    return grpc_queue_waiting(&call->out).size > 0 ? wake(call) : submit_trailers(call);
}

static void finish(struct server_call *call, enum grpc_status status, struct slice text) {
    call->is_finished = true;
    call->status = status;
    if (status != GRPC_OK) {
        keep_text(call, text);
    }
    if (submit_end(call) != 0) {
        call->stream.server->is_broken = true;
    }
}

void grpc_stream_finish(struct grpc_stream *stream, enum grpc_status status, struct slice text) {
    struct server_call *call = call_of(stream);

    assert(!call->is_finished || call->is_refused);
    if (!call->is_finished && !stream->server->is_broken) {
        finish(call, status, text);
    }
}

void server_call_refuse(struct server_call *call, enum grpc_status status, struct slice text) {
    call->is_refused = true;
    finish(call, status, text);
}

bool grpc_stream_is_full(const struct grpc_stream *stream) {
    return ((const struct server_call *)(const void *)stream)->is_full;
}

static void note_room(struct server_call *call) {
    struct grpc_server *server = call->stream.server;

    if (grpc_queue_waiting(&call->out).size > server->limits.full_at / 2) {
        return;
    }
    call->is_full = false;
    if (!call->is_roomy && !call->is_finished) {
        call->is_roomy = true;
        call->next_roomy = server->roomy;
        server->roomy = call;
    }
}

int server_call_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t size,
                         nghttp2_data_source *source, void *user) {
    struct server_call *call = source->ptr;
    struct grpc_server *server = user;
    size_t before = grpc_queue_memory(&call->out);
    int error;

    (void)session;
    (void)frame;
    error = grpc_wire_put_data(&server->wire, header, size, &call->out);
    server->waiting_bytes += grpc_queue_memory(&call->out) - before;
    if (error == 0 && call->is_full) {
        note_room(call);
    }
    return error;
}
