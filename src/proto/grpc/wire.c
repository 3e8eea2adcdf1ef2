/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/wire.h"

enum { FRAME_HEADER = 9 };

nghttp2_nv grpc_wire_field(struct slice name, struct slice value, uint8_t flags) {
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.data,
        .namelen = name.size,
        .value = (uint8_t *)(uintptr_t)value.data,
        .valuelen = value.size,
        .flags = (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | flags),
    };
}

bool grpc_wire_pump(struct grpc_wire *wire, struct outbox *out, size_t most) {
    wire->out = out;
    wire->most = most;
    while (outbox_pending(out) < most) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(wire->session, &data);

        if (size <= 0) {
            return size == 0;
        }
        if (outbox_append(out, slice_make((const char *)data, (size_t)size)) != LARDER_OK) {
            return false; /* the frame is lost, and with it the connection */
        }
    }
    return true;
}

int grpc_wire_put_data(struct grpc_wire *wire, const uint8_t header[9], size_t size, struct grpc_queue *queue) {
    char *at;

    if (outbox_pending(wire->out) >= wire->most) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    if (grpc_queue_waiting(queue).size < size) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the call was ended while the frame waited */
    }
    at = outbox_reserve(wire->out, FRAME_HEADER + size);
    if (at == NULL) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    memcpy(at, header, FRAME_HEADER);
    memcpy(at + FRAME_HEADER, grpc_queue_waiting(queue).data, size);
    outbox_commit(wire->out, FRAME_HEADER + size);
    grpc_queue_sent(queue, size);
    return 0;
}
