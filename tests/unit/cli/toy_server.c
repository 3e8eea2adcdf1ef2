/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/number.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/stream.h"
#include "toy_http.h"

enum { TOY_KEYS = 1000, TOY_BUFFER_MAX = 64 << 20, TOY_READ = 65536 };

struct toy_connection {
    struct stream stream;
    struct toy_server *server;
    struct toy_connection *next;
    struct buf in, out;
};

struct toy_server {
    struct loop *loop;
    struct listener *listener;
    struct mailbox *mailbox;
    struct mailbox_message stop;
    struct toy_connection *connections;
    pthread_t thread;
    enum toy_fault fault;
    uint64_t sizes[TOY_KEYS]; /* of the value plus 1; 0: absent */
    atomic_uint_fast64_t gets, sets;
    struct toy_http http;
    struct address address;
};

static void must(bool done) {
    if (!done) {
        abort();
    }
}

static uint64_t number_of(struct slice text) {
    uint64_t number = 0;

    must(number_parse_u64(text, &number));
    return number;
}

static struct slice next_word(struct slice *rest) {
    size_t size = 0;
    struct slice word;

    while (size < rest->size && rest->data[size] != ' ') {
        size++;
    }
    word = slice_make(rest->data, size);
    *rest = slice_skip(*rest, size < rest->size ? size + 1 : size);
    return word;
}

static void put_value(struct toy_connection *c, struct slice key, bool meta) {
    uint64_t stored = c->server->sizes[number_of(key) % TOY_KEYS];
    uint64_t size = stored - 1 + (c->server->fault == TOY_WRONG_SIZE);

    if (stored == 0) {
        buf_append_slice(&c->out, meta ? SLICE("EN\r\n") : SLICE(""));
        return;
    }
    if (meta) {
        buf_printf(&c->out, "VA %d\r\n", (int)size);
    } else {
        buf_printf(&c->out, "VALUE %.*s 0 %d\r\n", (int)key.size, key.data, (int)size);
    }
    for (uint64_t i = 0; i < size; i++) {
        buf_append(&c->out, "v", 1);
    }
    buf_append_slice(&c->out, SLICE("\r\n"));
}

static void answer_get(struct toy_connection *c, struct slice keys, bool meta) {
    c->server->gets++;
    if (c->server->fault == TOY_HANGS_UP) {
        stream_close(&c->stream);
        return;
    }
    if (meta) {
        put_value(c, next_word(&keys), true);
        return;
    }
    while (keys.size > 0) {
        put_value(c, next_word(&keys), false);
    }
    buf_append_slice(&c->out, SLICE("END\r\n"));
}

/* Returns the bytes of the value and its CRLF, or SIZE_MAX when they have not arrived. */
static size_t answer_set(struct toy_connection *c, struct slice rest, size_t arrived, bool meta) {
    uint64_t key = number_of(next_word(&rest)) % TOY_KEYS;
    size_t size;

    if (!meta) {
        next_word(&rest);
        next_word(&rest);
    }
    size = (size_t)number_of(next_word(&rest));
    if (arrived < size + 2) {
        return SIZE_MAX;
    }
    c->server->sets++;
    c->server->sizes[key] = size + 1;
    if (c->server->fault == TOY_REFUSES) {
        buf_append_slice(&c->out, SLICE("SERVER_ERROR no room\r\n"));
    } else {
        buf_append_slice(&c->out, meta ? SLICE("HD\r\n") : SLICE("STORED\r\n"));
    }
    return size + 2;
}

/* Returns the bytes that the first request takes; 0: it has not arrived whole. */
static size_t answer_one(struct toy_connection *c) {
    const char *newline = c->in.size == 0 ? NULL : memchr(c->in.data, '\n', c->in.size);
    size_t line, body = 0;
    struct slice rest, word;
    bool meta;

    if (newline == NULL) {
        return 0;
    }
    if (toy_http_is(buf_slice(&c->in))) {
        return toy_http_answer(&c->server->http, buf_slice(&c->in), &c->out);
    }
    line = (size_t)(newline - c->in.data) + 1;
    rest = slice_make(c->in.data, line - 2);
    word = next_word(&rest);
    meta = word.data[0] == 'm';
    if (slice_equal(word, SLICE("version"))) {
        buf_append_slice(&c->out, SLICE("VERSION toy\r\n"));
    } else if (c->server->fault == TOY_GARBAGE) {
        buf_append_slice(&c->out, SLICE("banana\r\n"));
    } else if (slice_equal(word, SLICE("get")) || slice_equal(word, SLICE("mg"))) {
        answer_get(c, rest, meta);
    } else {
        body = answer_set(c, rest, c->in.size - line, meta);
    }
    return body == SIZE_MAX ? 0 : line + body;
}

static void flush(struct toy_connection *c) {
    struct iovec piece = {c->out.data, c->out.size};
    size_t written;

    if (c->out.size > 0 && stream_write(&c->stream, &piece, 1, &written) == LARDER_OK) {
        buf_consume(&c->out, written);
    }
    if (!stream_closing(&c->stream)) {
        stream_want_write(&c->stream, c->out.size > 0);
    }
}

static void on_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct toy_connection *c = ctx;

    must(buf_reserve(&c->in, TOY_READ) == LARDER_OK);
    *ret_data = c->in.data + c->in.size;
    *ret_size = TOY_READ;
}

static void on_read(void *ctx, size_t size) {
    struct toy_connection *c = ctx;
    size_t used;

    c->in.size += size;
    while (!stream_closing(&c->stream) && (used = answer_one(c)) > 0) {
        buf_consume(&c->in, used);
    }
    flush(c);
}

static void on_writable(void *ctx) {
    flush(ctx);
}

static void on_close(void *ctx, enum larder_error error) {
    (void)ctx;
    (void)error;
}

static const struct stream_ops stream_ops = {
    .read_buffer = on_buffer, .on_read = on_read, .on_writable = on_writable, .on_close = on_close};

static void on_accept(void *ctx, int fd) {
    struct toy_server *server = ctx;
    struct toy_connection *c = calloc(1, sizeof(*c));

    c->server = server;
    c->next = server->connections;
    server->connections = c;
    buf_init(&c->in, TOY_BUFFER_MAX);
    buf_init(&c->out, TOY_BUFFER_MAX);
    must(stream_open(&c->stream, server->loop, fd, &stream_ops, c) == LARDER_OK);
}

static const struct listener_ops listener_ops = {.on_accept = on_accept};

static void on_stop(struct mailbox_message *message) {
    struct toy_server *server = (struct toy_server *)((char *)message - offsetof(struct toy_server, stop));

    loop_stop(server->loop);
}

static void *run(void *server) {
    loop_run(((struct toy_server *)server)->loop);
    return NULL;
}

struct toy_server *toy_server_new(enum toy_fault fault) {
    const struct address any = {.kind = ADDRESS_IPV4, .host = "127.0.0.1"};
    struct toy_server *server = calloc(1, sizeof(*server));

    server->fault = fault;
    server->http.fault = fault;
    server->loop = loop_new();
    server->mailbox = mailbox_new(server->loop);
    server->stop.run = on_stop;
    must(listener_open(server->loop, &any, &listener_ops, server, &server->listener) == LARDER_OK);
    server->address = *listener_address(server->listener);
    must(pthread_create(&server->thread, NULL, run, server) == 0);
    return server;
}

void toy_server_free(struct toy_server *server) {
    struct toy_connection *c;

    mailbox_post(server->mailbox, &server->stop);
    pthread_join(server->thread, NULL);
    for (c = server->connections; c != NULL; c = c->next) {
        stream_close(&c->stream);
    }
    listener_close(server->listener);
    mailbox_free(server->mailbox);
    loop_free(server->loop);
    while ((c = server->connections) != NULL) {
        server->connections = c->next;
        buf_fini(&c->in);
        buf_fini(&c->out);
        free(c);
    }
    free(server);
}

const struct address *toy_server_address(const struct toy_server *server) {
    return &server->address;
}

uint64_t toy_server_gets(const struct toy_server *server) {
    return server->gets + server->http.gets;
}

uint64_t toy_server_sets(const struct toy_server *server) {
    return server->sets + server->http.puts;
}
