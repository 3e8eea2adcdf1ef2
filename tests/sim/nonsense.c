/* SPDX-License-Identifier: Apache-2.0 */
#include "nonsense.h"

#include "proto/grpc/server.h"

enum { BYTES_MAX = 600, STATUSES = 17, MESSAGE_MAX = 1 << 20, WRITE_MOST = 1 << 20 };

struct nonsense_peer {
    struct nonsense *nonsense;
    struct wire *wire;          /* NULL: closed */
    struct grpc_server *server; /* of those that speak gRPC */
    struct outbox out;
    struct nonsense_peer *next;
};

void nonsense_init(struct nonsense *nonsense, struct sim *sim, enum nonsense_kind kind) {
    *nonsense = (struct nonsense){.sim = sim, .kind = kind};
}

/* --- bytes --- */

static void say_random(struct nonsense_peer *peer) {
    char bytes[BYTES_MAX];
    size_t size = (size_t)sim_between(peer->nonsense->sim, 1, BYTES_MAX);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)random_next(&peer->nonsense->sim->random);
    }
    wire_send(peer->wire, slice_make(bytes, size));
}

/* Heads of frames that could be, with any type, flags and stream (RFC 9113, 4.1). */
static void say_frames(struct nonsense_peer *peer) {
    struct random *random = &peer->nonsense->sim->random;

    wire_send(peer->wire, slice_make("\0\0\0\4\0\0\0\0\0", 9));
    for (unsigned i = 0; i < 5; i++) {
        char frame[9 + 20] = {0};

        for (size_t at = 9; at < sizeof(frame); at++) {
            frame[at] = (char)random_next(random);
        }
        frame[2] = (char)random_below(random, 21);
        frame[3] = (char)random_below(random, 11);
        frame[4] = (char)random_next(random);
        frame[8] = (char)random_below(random, 8);
        wire_send(peer->wire, slice_make(frame, 9 + (size_t)frame[2]));
    }
}

static void hang_up(struct nonsense_peer *peer) {
    if (peer->wire != NULL) {
        wire_close(peer->wire, LARDER_ERROR_CLOSED);
        peer->wire = NULL;
    }
}

static void say(struct nonsense_peer *peer) {
    switch (peer->nonsense->kind) {
    case NONSENSE_BYTES:
        say_random(peer);
        break;
    case NONSENSE_HTTP1:
        wire_send(peer->wire, SLICE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        hang_up(peer);
        break;
    case NONSENSE_TLS:
        wire_send(peer->wire, slice_make("\x15\x03\x01\x00\x02\x02\x0a", 7));
        break;
    case NONSENSE_FRAMES:
        say_frames(peer);
        break;
    case NONSENSE_CUT:
        wire_send(peer->wire, slice_make("\0\0\x12\4\0", 5));
        hang_up(peer);
        break;
    case NONSENSE_ENDS:
        hang_up(peer);
        break;
    default:
        break;
    }
}

/* --- gRPC --- */

static void on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    (void)ctx;
    (void)stream;
    (void)head;
}

static void on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    struct nonsense_peer *peer = ctx;
    struct random *random = &peer->nonsense->sim->random;
    size_t size = random_below(random, BYTES_MAX);
    char *room;

    (void)message;
    if (peer->nonsense->kind == NONSENSE_MESSAGES) {
        room = grpc_stream_message(stream, size);
        sim_must(room != NULL);
        for (size_t i = 0; i < size; i++) {
            room[i] = (char)random_next(random);
        }
        grpc_stream_finish(stream, GRPC_OK, SLICE(""));
    } else {
        grpc_stream_finish(stream, (enum grpc_status)random_below(random, STATUSES), SLICE("etcdserver: nonsense"));
    }
}

static void on_stream(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    (void)stream;
}

static const struct grpc_server_events grpc_events = {on_open, on_message, on_stream, on_stream, on_stream};

static void answer(struct nonsense_peer *peer, struct slice bytes) {
    bool more;
    bool good = grpc_server_feed(peer->server, bytes);

    good = grpc_server_write(peer->server, &peer->out, WRITE_MOST, &more) && good;
    wire_send(peer->wire, buf_slice(&peer->out.bytes));
    outbox_clear(&peer->out, SIZE_MAX);
    if (!good || grpc_server_is_over(peer->server)) {
        hang_up(peer);
    }
}

/* --- the network's events --- */

static void *on_accept(void *ctx, struct wire *wire) {
    struct nonsense *nonsense = ctx;
    struct nonsense_peer *peer = sim_new(sizeof(*peer));
    const struct grpc_server_limits limits = {100, MESSAGE_MAX, MESSAGE_MAX};

    *peer = (struct nonsense_peer){.nonsense = nonsense, .wire = wire, .next = nonsense->peers};
    nonsense->peers = peer;
    nonsense->accepted++;
    if (nonsense->kind == NONSENSE_MESSAGES || nonsense->kind == NONSENSE_STATUSES) {
        peer->server = grpc_server_new(&limits, &grpc_events, peer);
        sim_must(peer->server != NULL);
        outbox_init(&peer->out, SIZE_MAX / 2);
    }
    return peer;
}

static void on_input(void *ctx, struct slice bytes) {
    struct nonsense_peer *peer = ctx;

    if (peer->server != NULL) {
        answer(peer, bytes);
    } else {
        say(peer);
    }
}

static void on_gone(void *ctx) {
    struct nonsense_peer *peer = ctx;

    peer->wire = NULL;
}

static const struct net_server nonsense_server = {on_accept, on_input, on_gone};

void nonsense_listen(struct nonsense *nonsense, struct net_host *host) {
    net_host_listen(host, &nonsense_server, nonsense);
}

void nonsense_fini(struct nonsense *nonsense) {
    while (nonsense->peers != NULL) {
        struct nonsense_peer *peer = nonsense->peers;

        nonsense->peers = peer->next;
        grpc_server_free(peer->server);
        outbox_fini(&peer->out);
        free(peer);
    }
}
