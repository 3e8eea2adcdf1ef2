/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/listener.h"
#include "net/loop.h"
#include "net/timer.h"
#include "toy_tls.h"

enum { TOY_BUFFER_MAX = 64 << 20, TOY_READ = 65536 };

/* --- what is said --- */

/* Moves bytes that a TLS session has for the wire. */
static void take_wire(struct toy_peer *peer) {
    char bytes[4096];
    int got;

    while ((got = BIO_read(SSL_get_wbio(peer->ssl), bytes, sizeof(bytes))) > 0) {
        assert_int_equal(buf_append(&peer->out, bytes, (size_t)got), LARDER_OK);
    }
}

static void flush(struct toy_peer *peer) {
    size_t limit = peer->origin->piece;
    size_t written = 0;

    if (!peer->open || stream_closing(&peer->stream)) {
        return;
    }
    if (peer->out.size == 0 && peer->more != NULL) {
        peer->more(peer);
    }
    if (peer->out.size > 0) {
        struct iovec piece = {peer->out.data, limit > 0 && limit < peer->out.size ? limit : peer->out.size};

        if (stream_write(&peer->stream, &piece, 1, &written) != LARDER_OK) {
            return;
        }
        buf_consume(&peer->out, written);
        peer->sent += written;
    }
    if (peer->out.size == 0 && peer->ends) {
        stream_close(&peer->stream);
        return;
    }
    stream_want_write(&peer->stream, (peer->out.size > 0 && limit == 0) || peer->more != NULL);
    if (peer->out.size > 0 && limit > 0 && !timer_running(peer->origin->drip)) {
        timer_start(peer->origin->drip, 0, 0);
    }
}

static void on_drip(void *ctx) {
    struct toy_origin *origin = ctx;

    for (struct toy_peer *peer = origin->peers; peer != NULL; peer = peer->next) {
        flush(peer);
    }
}

void toy_say(struct toy_peer *peer, struct slice bytes) {
    if (peer->ssl == NULL) {
        assert_int_equal(buf_append_slice(&peer->out, bytes), LARDER_OK);
    } else {
        assert_int_equal(SSL_write(peer->ssl, bytes.data, (int)bytes.size), (int)bytes.size);
        take_wire(peer);
    }
}

void toy_hang_up(struct toy_peer *peer) {
    peer->ends = true;
}

void toy_reset(struct toy_peer *peer) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    peer->more = NULL;
    flush(peer);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
    stream_close(&peer->stream);
}

void toy_answer_with(struct toy_peer *peer, struct slice body) {
    struct buf head;

    buf_init(&head, 256);
    assert_int_equal(buf_printf(&head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.size), LARDER_OK);
    toy_say(peer, buf_slice(&head));
    buf_fini(&head);
    if (body.size > 0) {
        toy_say(peer, body);
    }
}

/* --- what is heard --- */

static void on_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct toy_peer *peer = ctx;

    assert_int_equal(buf_reserve(&peer->in, TOY_READ), LARDER_OK);
    *ret_data = peer->in.data + peer->in.size;
    *ret_size = TOY_READ;
}

static void decrypt(struct toy_peer *peer) {
    char bytes[4096];
    int got;

    assert_int_equal(BIO_write(SSL_get_rbio(peer->ssl), peer->in.data, (int)peer->in.size), (int)peer->in.size);
    peer->in.size = 0;
    while ((got = SSL_read(peer->ssl, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(buf_append(&peer->plain, bytes, (size_t)got), LARDER_OK);
    }
    take_wire(peer);
}

static void on_read(void *ctx, size_t size) {
    struct toy_peer *peer = ctx;
    struct buf *heard = peer->ssl == NULL ? &peer->in : &peer->plain;
    const char *end;

    peer->in.size += size;
    if (peer->ssl != NULL) {
        decrypt(peer);
    }
    while (!stream_closing(&peer->stream) && heard->size > 0 &&
           (end = memmem(heard->data, heard->size, "\r\n\r\n", 4)) != NULL) {
        size_t used = (size_t)(end - heard->data) + 4;
        struct buf *last = &peer->origin->last;

        last->size = 0;
        assert_int_equal(buf_append(last, heard->data, used), LARDER_OK);
        buf_consume(heard, used);
        peer->requests++;
        peer->origin->requests++;
        peer->origin->answer(peer, buf_slice(last));
    }
    flush(peer);
}

static void on_writable(void *ctx) {
    flush(ctx);
}

static void on_close(void *ctx, enum larder_error error) {
    struct toy_peer *peer = ctx;

    (void)error;
    peer->open = false;
    peer->origin->open--;
}

static const struct stream_ops stream_ops = {
    .read_buffer = on_buffer, .on_read = on_read, .on_writable = on_writable, .on_close = on_close};

static void on_accept(void *ctx, int fd) {
    struct toy_origin *origin = ctx;
    struct toy_peer *peer = calloc(1, sizeof(*peer));

    assert_non_null(peer);
    peer->origin = origin;
    peer->fd = fd;
    peer->open = true;
    peer->number = ++origin->connections;
    peer->next = origin->peers;
    origin->peers = peer;
    origin->open++;
    origin->open_max = origin->open > origin->open_max ? origin->open : origin->open_max;
    buf_init(&peer->in, TOY_BUFFER_MAX);
    buf_init(&peer->plain, TOY_BUFFER_MAX);
    buf_init(&peer->out, TOY_BUFFER_MAX);
    peer->ssl = origin->tls == NULL ? NULL : toy_server(origin->tls);
    if (origin->buffer > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &origin->buffer, sizeof(origin->buffer)), 0);
    }
    assert_int_equal(stream_open(&peer->stream, origin->loop, fd, &stream_ops, peer), LARDER_OK);
    if (origin->greeting.size > 0) {
        toy_say(peer, origin->greeting);
        flush(peer);
    }
}

static const struct listener_ops listener_ops = {.on_accept = on_accept};

struct toy_origin *toy_origin_new(struct loop *loop, const char *host, uint16_t port, toy_answer_fn *answer,
                                  void *ctx) {
    struct address address = {.kind = ADDRESS_IPV4, .port = port};
    struct toy_origin *origin = calloc(1, sizeof(*origin));

    assert_non_null(origin);
    strcpy(address.host, host);
    origin->loop = loop;
    origin->answer = answer;
    origin->ctx = ctx;
    origin->drip = timer_new(loop, on_drip, origin);
    buf_init(&origin->last, TOY_BUFFER_MAX);
    assert_int_equal(listener_open(loop, &address, &listener_ops, origin, &origin->listener), LARDER_OK);
    return origin;
}

uint16_t toy_origin_port(const struct toy_origin *origin) {
    return listener_address(origin->listener)->port;
}

/* The streams close with the loop's next turns, or when it is freed; so only then is their memory. */
static void stop(void *ctx) {
    loop_stop(ctx);
}

void toy_origin_free(struct toy_origin *origin) {
    struct timer *end = timer_new(origin->loop, stop, origin->loop);
    struct toy_peer *peer;

    for (peer = origin->peers; peer != NULL; peer = peer->next) {
        if (peer->open) {
            stream_close(&peer->stream);
        }
    }
    listener_close(origin->listener);
    timer_free(origin->drip);
    while (origin->open > 0) {
        timer_start(end, 0, 0);
        loop_run(origin->loop);
    }
    timer_free(end);
    while ((peer = origin->peers) != NULL) {
        origin->peers = peer->next;
        SSL_free(peer->ssl);
        buf_fini(&peer->in);
        buf_fini(&peer->plain);
        buf_fini(&peer->out);
        free(peer);
    }
    buf_fini(&origin->last);
    free(origin);
}
