/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_WIRE_H
#define LARDER_PROTO_GRPC_WIRE_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>

#include "base/outbox.h"
#include "proto/grpc/memory.h"
#include "proto/grpc/queue.h"

/* An nghttp2 session and the way of its bytes to an outbox: what both sides of gRPC have in common. */
struct grpc_wire {
    nghttp2_session *session;
    struct grpc_memory memory;
    struct outbox *out; /* where frames go, during grpc_wire_pump */
    size_t most;        /* bytes that may wait there before a further frame is written */
};

/* A name and a value that are literals, which nghttp2 need not copy. */
#define GRPC_WIRE_FIELD(name_text, value_text)                                                                         \
    {                                                                                                                  \
        .name = (uint8_t *)(uintptr_t)(name_text), .namelen = sizeof(name_text) - 1,                                   \
        .value = (uint8_t *)(uintptr_t)(value_text), .valuelen = sizeof(value_text) - 1,                               \
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                                          \
    }

/* A literal name and a value that nghttp2 copies. `flags`: more of NGHTTP2_NV_FLAG_*. */
nghttp2_nv grpc_wire_field(struct slice name, struct slice value, uint8_t flags);

/* Writes frames while less than `most` bytes wait in `out`. False: no memory, or the connection is broken. */
bool grpc_wire_pump(struct grpc_wire *wire, struct outbox *out, size_t most);

/* The work of nghttp2_send_data_callback: one DATA frame with the next `size` bytes of `queue`, copied straight into the
 * outbox. NGHTTP2_ERR_WOULDBLOCK: the outbox is full enough; the frame comes with the next pump. */
int grpc_wire_put_data(struct grpc_wire *wire, const uint8_t header[9], size_t size, struct grpc_queue *queue);

#endif
