/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/link.h"

#include "base/clock.h"

enum {
    CONNECT_TIMEOUT_S = 10,
    MESSAGE_MAX = 1 << 30,
    FULL_AT = 1 << 20,
    OUT_MAX = 1 << 30,
    OUT_MOST = 256 << 10, /* bytes encoded before they are written */
    PIECES = 16,
};

static void on_message(void *ctx, struct grpc_call *call, struct slice message) {
    const struct link *link = ctx;
    struct link_call *owner = call->owner;

    if (!link->closed) {
        owner->ops->on_message(owner, message);
    }
}

static void on_call_close(void *ctx, struct grpc_call *call, const struct grpc_end *end) {
    const struct link *link = ctx;
    struct link_call *owner = call->owner;

    if (!link->closed) {
        owner->ops->on_end(owner, end);
    }
}

static const struct grpc_client_events client_events = {.on_message = on_message, .on_close = on_call_close};

static void lose(struct link *link, const char *why) {
    if (!link->closed) {
        link->closed = true;
        stream_close(&link->stream);
        link->events->on_lost(link->ctx, link, why);
    }
}

/* False: no more can be written now. */
static bool write_out(struct link *link) {
    struct iovec pieces[PIECES];
    size_t written;

    while (outbox_pending(&link->out) > 0) {
        int count = outbox_pieces(&link->out, pieces, PIECES);

        if (stream_write(&link->stream, pieces, count, &written) != LARDER_OK) {
            return false; /* on_close follows */
        }
        outbox_sent(&link->out, written);
        if (written == 0) {
            stream_want_write(&link->stream, true);
            return false;
        }
    }
    return true;
}

void link_flush(struct link *link) {
    bool more = true;

    if (link->feeding) {
        return; /* on_read flushes */
    }
    while (more && !link->closed && write_out(link)) {
        if (!grpc_client_write(link->client, &link->out, OUT_MOST, &more)) {
            lose(link, "out of memory");
        } else if (outbox_pending(&link->out) == 0) {
            return;
        } else if (!more) {
            write_out(link);
        }
    }
}

static void on_connect(void *ctx) {
    struct link *link = ctx;

    link->events->on_connect(link->ctx);
    link_flush(link);
}

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    const struct link *link = ctx;

    *ret_data = link->input;
    *ret_size = LINK_INPUT_BYTES;
}

static void on_read(void *ctx, size_t size) {
    struct link *link = ctx;
    bool good;

    link->events->on_wake(link->ctx);
    link->feeding = true;
    good = grpc_client_feed(link->client, slice_make(link->input, size));
    link->feeding = false;
    if (!good) {
        lose(link, "the server breaks off, or does not speak gRPC");
        return;
    }
    link_flush(link);
}

static void on_writable(void *ctx) {
    struct link *link = ctx;

    stream_want_write(&link->stream, false);
    link->events->on_wake(link->ctx);
    link_flush(link);
}

static void on_close(void *ctx, enum larder_error error) {
    lose(ctx, error == LARDER_ERROR_CLOSED ? "the server has closed a connection" : larder_error_text(error));
}

static const struct stream_ops stream_ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_connect = on_connect,
};

enum larder_error link_open(struct link *link, struct loop *loop, const struct endpoint *endpoint,
                            struct slice authority, char *input, const struct link_events *events, void *ctx) {
    static const struct grpc_client_limits limits = {.max_message = MESSAGE_MAX, .full_at = FULL_AT};
    enum larder_error error;

    *link = (struct link){.input = input, .events = events, .ctx = ctx};
    outbox_init(&link->out, OUT_MAX);
    link->client = grpc_client_new(&limits, authority, &client_events, link);
    if (link->client == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    error = stream_connect(&link->stream, loop, endpoint, CONNECT_TIMEOUT_S * CLOCK_NS_PER_S, &stream_ops, link);
    link->opened = error == LARDER_OK;
    return error;
}

void link_close(struct link *link) {
    link->closed = true;
    if (link->opened) {
        stream_close(&link->stream);
    }
}

void link_free(struct link *link) {
    link->closed = true;
    grpc_client_free(link->client);
    link->client = NULL;
    outbox_fini(&link->out);
}
