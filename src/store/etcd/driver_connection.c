/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/driver_connection.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/stream.h"
#include "net/timer.h"

enum { PIECES = 16, TEXT_MAX = 512, WIRE_KEEP = 64 << 10 /* bytes of memory that an idle connection keeps */ };

enum phase {
    PHASE_LOOKING_UP,
    PHASE_CONNECTING,
    PHASE_SHAKING_HANDS, /* TLS alone */
    PHASE_OPEN,
};

/* Lives until its link is gone (told of the end, or given up) and its stream has left the loop. */
struct connection {
    struct connection_room *room;
    struct etcd_link *link; /* NULL: gone */
    struct etcd_endpoint endpoint;
    enum phase phase;
    int64_t deadline_ns;           /* of the phases before OPEN */
    struct timer *deadline;        /* NULL once it is open */
    struct resolution *resolution; /* while LOOKING_UP */
    struct endpoint addresses[RESOLUTION_ENDPOINTS_MAX];
    size_t address_count;
    size_t address_next;
    struct stream stream;
    bool has_stream;          /* the loop holds it: on_close is still to come */
    bool waits;               /* the link is to be told when it may write again */
    enum larder_error broken; /* why it was closed from within; on_close tells it */
    struct tls_session *tls;  /* NULL: plain */
    struct outbox wire;       /* encrypted, on its way out */
};

/* --- the end --- */

static void free_if_done(struct connection *c) {
    if (c->link == NULL && !c->has_stream) {
        free(c);
    }
}

/* Lets go of all but the memory and the stream. */
static void retire(struct connection *c) {
    c->link = NULL;
    timer_free(c->deadline);
    c->deadline = NULL;
    if (c->resolution != NULL) {
        resolution_forget(c->resolution);
        c->resolution = NULL;
    }
    tls_session_free(c->tls);
    c->tls = NULL;
    outbox_fini(&c->wire);
    if (c->has_stream) {
        stream_close(&c->stream);
    }
}

/* Tells the link, which is gone after that. From the loop only, never from inside a function of etcd_io. */
static void end(struct connection *c, enum larder_error error, const char *text) {
    struct etcd_link *link = c->link;
    char copy[TEXT_MAX];

    snprintf(copy, sizeof(copy), "%s", text);
    retire(c);
    free_if_done(c);
    etcd_link_closed(link, error, slice_from_string(copy));
}

/* --- what is encrypted --- */

/* False: the stream is closing. */
static bool send_wire(struct connection *c) {
    struct iovec pieces[PIECES];
    size_t written;

    while (outbox_pending(&c->wire) > 0) {
        int count = outbox_pieces(&c->wire, pieces, PIECES);

        if (stream_write(&c->stream, pieces, count, &written) != LARDER_OK) {
            return false;
        }
        outbox_sent(&c->wire, written);
        if (written == 0) {
            stream_want_write(&c->stream, true);
            return true;
        }
    }
    outbox_clear(&c->wire, WIRE_KEEP);
    return true;
}

static void goodbye(struct connection *c) {
    if (c->phase == PHASE_OPEN && c->tls != NULL && !stream_closing(&c->stream)) {
        tls_end(c->tls, &c->wire);
        (void)send_wire(c); /* what does not go at once is lost, like all that is unsent */
    }
}

static bool is_full(const struct connection *c) {
    return outbox_pending(&c->wire) >= CONNECTION_WIRE_FULL;
}

/* Plain bytes on their way into records: a record of its own for each small piece would cost more than to copy them together. */
struct packing {
    struct connection *c;
    size_t gathered; /* in room->record, not encrypted yet */
    size_t taken;
};

static enum larder_error pack_gathered(struct packing *p) {
    struct slice record = slice_make(p->c->room->record, p->gathered);

    p->gathered = 0;
    return record.size == 0 ? LARDER_OK : tls_write(p->c->tls, record, &p->c->wire);
}

/* Takes what fits into one record. */
static enum larder_error pack_some(struct packing *p, struct slice *left) {
    size_t room = CONNECTION_RECORD - p->gathered;
    struct slice some = slice_make(left->data, left->size < room ? left->size : room);

    *left = slice_skip(*left, some.size);
    p->taken += some.size;
    if (some.size == CONNECTION_RECORD) { /* fills a record alone */
        return tls_write(p->c->tls, some, &p->c->wire);
    }
    memcpy(p->c->room->record + p->gathered, some.data, some.size);
    p->gathered += some.size;
    return some.size == room ? pack_gathered(p) : LARDER_OK;
}

/* Takes all, or as much as there is room for. Errors as tls_write; CLOSED: the stream is closing. */
static enum larder_error pack(struct packing *p, const struct iovec *pieces, int count) {
    enum larder_error error = LARDER_OK;

    for (int i = 0; i < count; i++) {
        struct slice left = slice_make(pieces[i].iov_base, pieces[i].iov_len);

        while (left.size > 0 && error == LARDER_OK) {
            if (p->gathered == 0 && is_full(p->c) && !send_wire(p->c)) {
                return LARDER_ERROR_CLOSED;
            }
            if (p->gathered == 0 && is_full(p->c)) {
                return LARDER_OK;
            }
            error = pack_some(p, &left);
        }
        if (error != LARDER_OK) {
            return error;
        }
    }
    return pack_gathered(p);
}

static size_t total(const struct iovec *pieces, int count) {
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += pieces[i].iov_len;
    }
    return size;
}

static enum larder_error write_encrypted(struct connection *c, const struct iovec *pieces, int count,
                                         size_t *ret_written) {
    struct packing packing = {.c = c};
    enum larder_error error = pack(&packing, pieces, count);

    *ret_written = packing.taken; /* also in front of an error: some of the records may be on their way */
    if (error == LARDER_OK && !send_wire(c)) {
        error = LARDER_ERROR_CLOSED;
    }
    if (error != LARDER_OK && !stream_closing(&c->stream)) {
        c->broken = error;
        stream_close(&c->stream);
    }
    if (error != LARDER_OK) {
        return error;
    }
    c->waits = packing.taken < total(pieces, count);
    if (c->waits) {
        stream_want_write(&c->stream, true);
    }
    return LARDER_OK;
}

/* Both sides are there. */
static void open_link(struct connection *c) {
    timer_free(c->deadline);
    c->deadline = NULL;
    c->phase = PHASE_OPEN;
    etcd_link_opened(c->link);
}

static void decrypt(struct connection *c, struct slice bytes) {
    struct buf *plain = &c->room->plain;
    enum larder_error error;

    plain->size = 0;
    error = tls_feed(c->tls, bytes, plain, &c->wire);
    if (!send_wire(c) && error == LARDER_OK && plain->size == 0) {
        return; /* on_close follows */
    }
    if (c->phase == PHASE_SHAKING_HANDS && tls_is_open(c->tls)) {
        open_link(c);
    }
    /* Each event may be where the link is given up. The memory stays, as long as the loop has the stream. */
    if (c->link != NULL && plain->size > 0) {
        etcd_link_input(c->link, buf_slice(plain));
    }
    if (c->link != NULL && error != LARDER_OK) {
        end(c, error, tls_trouble(c->tls));
    }
}

bool connection_room_open_tls(struct connection_room *room, const struct tls_files *files, struct buf *why) {
    static const struct tls_files none;

    room->tls = tls_context_new(files != NULL ? files : &none, "h2", why);
    return room->tls != NULL;
}

/* No endpoint had TLS at first, but the cluster has spoken of one that has. False: the connection has ended. */
static bool open_tls_late(struct connection *c) {
    char text[TEXT_MAX];
    struct buf why;
    bool good;

    buf_init(&why, sizeof(text) - 1);
    good = connection_room_open_tls(c->room, NULL, &why);
    snprintf(text, sizeof(text), "%.*s", (int)why.size, why.size > 0 ? why.data : "");
    buf_fini(&why);
    if (!good) {
        end(c, LARDER_ERROR_PROTOCOL, text);
    }
    return good;
}

static void shake_hands(struct connection *c) {
    enum larder_error error;

    c->phase = PHASE_SHAKING_HANDS;
    if (c->room->tls == NULL && !open_tls_late(c)) {
        return;
    }
    c->tls = tls_session_new(c->room->tls, c->endpoint.address.host);
    error = c->tls == NULL ? LARDER_ERROR_NO_MEMORY : tls_begin(c->tls, &c->wire);
    if (error != LARDER_OK) {
        end(c, error, c->tls == NULL ? "" : tls_trouble(c->tls));
        return;
    }
    (void)send_wire(c); /* if it fails, on_close follows */
}

/* --- the stream --- */

static void try_next(struct connection *c, enum larder_error error);

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    const struct connection *c = ctx;

    *ret_data = c->room->input;
    *ret_size = CONNECTION_INPUT;
}

static void on_connect(void *ctx) {
    struct connection *c = ctx;

    if (c->endpoint.tls) {
        shake_hands(c);
    } else {
        open_link(c);
    }
}

static void on_read(void *ctx, size_t size) {
    struct connection *c = ctx;
    struct slice bytes = slice_make(c->room->input, size);

    if (c->tls != NULL) {
        decrypt(c, bytes);
    } else {
        etcd_link_input(c->link, bytes);
    }
}

static void on_writable(void *ctx) {
    struct connection *c = ctx;

    stream_want_write(&c->stream, false);
    /* send_wire asks again if it is not through. */
    if (c->tls != NULL && (!send_wire(c) || is_full(c))) {
        return;
    }
    if (c->waits) {
        c->waits = false;
        etcd_link_writable(c->link);
    }
}

static const char *text_of_end(const struct connection *c) {
    if (c->phase == PHASE_SHAKING_HANDS) {
        return "the connection ended before both sides had shaken hands (TLS)";
    }
    return c->tls != NULL ? tls_trouble(c->tls) : "";
}

static void on_close(void *ctx, enum larder_error error) {
    struct connection *c = ctx;

    c->has_stream = false;
    if (c->link == NULL) {
        free_if_done(c);
    } else if (c->phase == PHASE_CONNECTING) {
        try_next(c, error);
    } else {
        end(c, c->broken != LARDER_OK ? c->broken : error, text_of_end(c));
    }
}

static const struct stream_ops stream_ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_connect = on_connect,
    .reads_rest = true, /* why it breaks off (TLS), and answers */
};

/* --- the beginning --- */

/* An address that does not answer gets its share of the time that is left, so that the others have theirs. */
static void try_next(struct connection *c, enum larder_error error) {
    while (c->address_next < c->address_count) {
        int64_t left_ns = c->deadline_ns - clock_monotonic_ns();
        int64_t share_ns = left_ns / (int64_t)(c->address_count - c->address_next);

        error = LARDER_ERROR_TIMEOUT;
        if (share_ns <= 0) {
            break;
        }
        error = stream_connect(&c->stream, c->room->loop, &c->addresses[c->address_next++], share_ns, &stream_ops, c);
        if (error == LARDER_OK) {
            c->has_stream = true;
            return;
        }
    }
    end(c, error, "");
}

static void on_resolved(void *ctx, enum larder_error error, const struct endpoint *endpoints, size_t count) {
    struct connection *c = ctx;

    c->resolution = NULL;
    if (error != LARDER_OK) {
        end(c, error, "its name could not be looked up");
        return;
    }
    memcpy(c->addresses, endpoints, count * sizeof(*endpoints));
    c->address_count = count;
    c->phase = PHASE_CONNECTING;
    try_next(c, LARDER_ERROR_NOT_FOUND);
}

static void on_deadline(void *ctx) {
    static const char *const texts[] = {
        [PHASE_LOOKING_UP] = "its name was not looked up in time",
        [PHASE_CONNECTING] = "it did not take the connection in time",
        [PHASE_SHAKING_HANDS] = "it did not shake hands in time (TLS)",
    };
    struct connection *c = ctx;

    assert(c->phase != PHASE_OPEN);
    end(c, LARDER_ERROR_TIMEOUT, texts[c->phase]);
}

struct connection *driver_connection_new(struct connection_room *room, struct etcd_link *link,
                                         const struct etcd_endpoint *endpoint, int64_t timeout_ns) {
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->room = room;
    c->link = link;
    c->endpoint = *endpoint;
    c->deadline_ns = clock_monotonic_ns() + timeout_ns;
    outbox_init(&c->wire, CONNECTION_WIRE_MAX);
    c->deadline = timer_new(room->loop, on_deadline, c);
    c->resolution = c->deadline == NULL ? NULL : resolver_find(room->resolver, &endpoint->address, on_resolved, c);
    if (c->resolution == NULL) {
        timer_free(c->deadline);
        free(c);
        return NULL;
    }
    timer_start(c->deadline, timeout_ns, 0);
    return c;
}

enum larder_error driver_connection_write(struct connection *c, const struct iovec *pieces, int count,
                                          size_t *ret_written) {
    enum larder_error error;

    *ret_written = 0;
    if (stream_closing(&c->stream)) {
        return LARDER_ERROR_CLOSED;
    }
    assert(c->phase == PHASE_OPEN && count > 0);
    if (c->tls != NULL) {
        return write_encrypted(c, pieces, count, ret_written);
    }
    error = stream_write(&c->stream, pieces, count < IOV_MAX ? count : IOV_MAX, ret_written);
    if (error == LARDER_OK && *ret_written < total(pieces, count)) {
        c->waits = true;
        stream_want_write(&c->stream, true);
    }
    return error;
}

void driver_connection_close(struct connection *c) {
    goodbye(c);
    retire(c);
    free_if_done(c);
}
