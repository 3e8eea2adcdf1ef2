/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/server_fields.h"

#include <assert.h>

#include "proto/grpc/limits.h"
#include "proto/grpc/wire.h"

#define CONTENT_TYPE GRPC_WIRE_FIELD("content-type", "application/grpc")

static const nghttp2_nv begin[] = {GRPC_WIRE_FIELD(":status", "200"), CONTENT_TYPE};

#define STATUS(code) GRPC_WIRE_FIELD("grpc-status", #code)

static const nghttp2_nv statuses[] = {
    STATUS(0), STATUS(1),  STATUS(2),  STATUS(3),  STATUS(4),  STATUS(5),  STATUS(6),  STATUS(7),  STATUS(8),
    STATUS(9), STATUS(10), STATUS(11), STATUS(12), STATUS(13), STATUS(14), STATUS(15), STATUS(16),
};

static const nghttp2_nv identity = GRPC_WIRE_FIELD("grpc-accept-encoding", "identity");

size_t server_fields_begin(nghttp2_nv *ret_fields) {
    ret_fields[0] = begin[0];
    ret_fields[1] = begin[1];
    return sizeof(begin) / sizeof(begin[0]);
}

const nghttp2_nv *server_field_status(enum grpc_status status) {
    assert((size_t)status < sizeof(statuses) / sizeof(statuses[0]));
    return &statuses[status];
}

const nghttp2_nv *server_field_identity(void) {
    return &identity;
}

enum { REFUSAL_FIELDS = 4 };

#define REFUSAL(http, code, text)                                                                                      \
    { GRPC_WIRE_FIELD(":status", http), CONTENT_TYPE, STATUS(code), GRPC_WIRE_FIELD("grpc-message", text) }

/* The texts need no percent-encoding. */
static const nghttp2_nv refusals[][REFUSAL_FIELDS] = {
    [SERVER_FAULT_METHOD] = REFUSAL("405", 13, "gRPC wants the method POST"),
    [SERVER_FAULT_TYPE] = REFUSAL("415", 3, "gRPC wants the content type application/grpc"),
    [SERVER_FAULT_LIST] = REFUSAL("200", 8, "more than 16384 bytes of headers"),
    [SERVER_FAULT_TIMEOUT] = REFUSAL("200", 13, "the grpc-timeout is not 1 to 8 digits and one of H M S m u n"),
    [SERVER_FAULT_MEMORY] = REFUSAL("200", 8, "out of memory"),
};

_Static_assert(GRPC_HEADER_LIST_BYTES == 16384, "a text names it");

enum server_fault server_fault_of(const struct grpc_head_reader *head) {
    if (head->list_size > GRPC_HEADER_LIST_BYTES) {
        return SERVER_FAULT_LIST;
    }
    if (!head->is_post) {
        return SERVER_FAULT_METHOD;
    }
    if (!head->is_grpc) {
        return SERVER_FAULT_TYPE;
    }
    return head->is_timeout_bad ? SERVER_FAULT_TIMEOUT : SERVER_FAULT_NONE;
}

int server_fault_answer(nghttp2_session *session, int32_t id, enum server_fault fault) {
    return nghttp2_submit_response(session, id, refusals[fault], REFUSAL_FIELDS, NULL);
}
