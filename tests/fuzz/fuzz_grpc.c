/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends to the server's side of gRPC behind its preface: in pieces, with answers, and with an outbox that is
 * full now and then. The first byte says how. Every call that was opened must be closed, and the memory stay below its
 * bound. */
#include <assert.h>
#include <stdint.h>

#include "../unit/proto/grpc_raw.h"
#include "proto/grpc/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_memory(const struct raw *raw) {
    size_t most = GRPC_SESSION_BYTES + RAW_STREAMS * (size_t)GRPC_SESSION_STREAM_BYTES +
                  (RAW_STREAMS + GRPC_SPARE_CALLS) * (size_t)1024 + GRPC_PARTIAL_BYTES + GRPC_WAITING_BYTES;

    assert(grpc_server_memory(raw->server) <= most);
}

/* A test of its own answers a call that is held; here the input does. */
static void answer_held(struct raw *raw, unsigned how) {
    char *message;

    if (raw->held == NULL) {
        return;
    }
    if (how % 4 == 0) {
        grpc_stream_finish(raw->held, (enum grpc_status)(how % 17), SLICE("held"));
        raw->held = NULL;
        return;
    }
    if (grpc_stream_is_full(raw->held)) {
        return;
    }
    message = grpc_stream_message(raw->held, how * 40);
    if (message != NULL) {
        memset(message, 'h', how * 40);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct raw raw;
    unsigned how;

    if (size == 0) {
        return 0;
    }
    how = data[0];
    raw_init(&raw);
    raw_preface(&raw);
    raw_bytes(&raw, data + 1, size - 1);
    for (size_t at = 0, step = how % 16 == 15 ? SIZE_MAX : how % 16 * 8 + 1; at < raw.input.size;) {
        size_t part = raw.input.size - at < step ? raw.input.size - at : step;
        bool good = grpc_server_feed(raw.server, slice_make(raw.input.data + at, part));

        check_memory(&raw);
        (void)raw_write(&raw, how >= 128 ? 100 : SIZE_MAX);
        if (!good || grpc_server_is_over(raw.server)) {
            break;
        }
        at += part;
        answer_held(&raw, how + (unsigned)at);
    }
    if (how % 2 == 0) {
        grpc_server_drain(raw.server);
    }
    (void)raw_write(&raw, SIZE_MAX);
    check_memory(&raw);
    raw_fini(&raw); /* aborts if a call was not closed */
    return 0;
}
