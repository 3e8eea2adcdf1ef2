/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_ETCD_WORLD_H
#define LARDER_TESTS_STORE_ETCD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proto/etcd/rpc.pb-c.h"
#include "proto/grpc/server.h"
#include "store/etcd/client.h"

/* A world of a few members for the client of a cluster, with a clock that is moved by hand. A member speaks by our own server
 * of gRPC; what it does beyond that, the test says. Bytes take no time. */
enum { WORLD_HOSTS = 4, WORLD_CONNECTIONS = 512, WORLD_HELD = 64, WORLD_CLUSTER = 7 };

struct host;

struct connection {
    struct world *world;
    struct host *host;
    struct etcd_link *link; /* NULL: the client has given it up, or heard of its end */
    struct grpc_server *server;
    struct outbox out;
    struct buf in;
    struct buf all; /* what the client has sent */
    size_t scanned; /* bytes of it that were looked through for pings */
    int64_t deadline_ns;
    bool opened;
    bool cut; /* the host has ended it */
};

struct host {
    bool refuses;   /* connections */
    bool silent;    /* neither connects nor answers */
    bool breaks;    /* an error for each write */
    bool tears;     /* the same, but its bytes may have gone out */
    bool no_status; /* does not answer Status */
    bool leaderless;
    bool learner;
    bool holds;        /* requests, for the test to answer */
    bool drops_at_put; /* the connection, when a put comes */
    uint64_t cluster_id;
    const char *token; /* the one that is good; NULL: none is needed */
    const char *password;
    const char *urls[WORLD_HOSTS + 1]; /* of its list of members, up to a NULL; none: those of all hosts */
    const char *name;                  /* of the first of that list; NULL: m0 */
    enum etcd_error error;             /* for each request */
    unsigned error_times;              /* so often; then they are answered */
    unsigned connects;
    unsigned pings;
    unsigned statuses;
    unsigned requests; /* Range and Put */
    unsigned puts;
    unsigned logins;
    unsigned lists;
    bool last_needs_leader;
    bool last_is_nameless;
    int64_t last_timeout_ns;
    char last_token[64];
    struct grpc_stream *held[WORLD_HELD];
    size_t held_count;
    struct grpc_stream *watch; /* the newest */
    unsigned watches;
    unsigned watch_messages;
};

struct world {
    int64_t now_ns;
    int64_t wake_ns;
    unsigned wakes; /* calls of wake_at */
    unsigned writes;
    unsigned runs;
    struct host hosts[WORLD_HOSTS];
    struct connection *connections[WORLD_CONNECTIONS];
    size_t connection_count;
    struct etcd_client_config config;
    struct etcd_endpoint endpoints[WORLD_HOSTS];
    struct etcd_client *client;
};

/* --- the members --- */

static inline void world_answer(struct grpc_stream *stream, const ProtobufCMessage *message) {
    char *at = grpc_stream_message(stream, protobuf_c_message_get_packed_size(message));

    assert_non_null(at);
    protobuf_c_message_pack(message, (uint8_t *)at);
}

static inline Etcdserverpb__ResponseHeader world_header(const struct connection *c) {
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

    header.cluster_id = c->host->cluster_id;
    header.member_id = (uint64_t)(c->host - c->world->hosts) + 100;
    header.revision = 41 + (int64_t)(c->host - c->world->hosts);
    return header;
}

static inline void world_answer_status(struct connection *c, struct grpc_stream *stream) {
    Etcdserverpb__StatusResponse status = ETCDSERVERPB__STATUS_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = world_header(c);
    char version[] = "3.4.99";

    c->host->statuses++;
    if (c->host->no_status) {
        return;
    }
    status.header = &header;
    status.version = version;
    status.dbsize = 1234;
    status.leader = c->host->leaderless ? 0 : 101;
    status.islearner = c->host->learner;
    world_answer(stream, &status.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""));
}

static inline void world_answer_members(struct connection *c, struct grpc_stream *stream) {
    Etcdserverpb__MemberListResponse list = ETCDSERVERPB__MEMBER_LIST_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = world_header(c);
    Etcdserverpb__Member members[WORLD_HOSTS];
    Etcdserverpb__Member *all[WORLD_HOSTS];
    char *urls[WORLD_HOSTS];
    char text[WORLD_HOSTS][2][64];

    c->host->lists++;
    list.header = &header;
    list.members = all;
    for (size_t i = 0; i < WORLD_HOSTS && (c->host->urls[0] == NULL || c->host->urls[i] != NULL); i++) {
        snprintf(text[i][0], 64, "m%zu", i);
        if (i == 0 && c->host->name != NULL) {
            snprintf(text[i][0], 64, "%s", c->host->name);
        }
        snprintf(text[i][1], 64, "http://10.0.0.%zu:2379", i + 1);
        if (c->host->urls[0] != NULL) {
            snprintf(text[i][1], 64, "%s", c->host->urls[i]);
        }
        etcdserverpb__member__init(&members[i]);
        urls[i] = text[i][1];
        members[i].id = i + 100;
        members[i].islearner = c->world->hosts[i].learner;
        members[i].name = text[i][0];
        members[i].clienturls = &urls[i];
        members[i].n_clienturls = 1;
        all[i] = &members[i];
        list.n_members = i + 1;
    }
    world_answer(stream, &list.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""));
}

static inline void world_fail(struct grpc_stream *stream, enum etcd_error error) {
    grpc_stream_finish(stream, etcd_error_status(error), etcd_error_text(error));
}

static inline void world_answer_login(struct connection *c, struct grpc_stream *stream, struct slice message) {
    Etcdserverpb__AuthenticateRequest *request =
        etcdserverpb__authenticate_request__unpack(NULL, message.size, (const uint8_t *)message.data);
    Etcdserverpb__AuthenticateResponse response = ETCDSERVERPB__AUTHENTICATE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = world_header(c);
    char token[64];

    assert_non_null(request);
    c->host->logins++;
    if (c->host->token == NULL) {
        world_fail(stream, ETCD_ERROR_AUTH_NOT_ENABLED);
    } else if (strcmp(request->password, c->host->password) != 0) {
        world_fail(stream, ETCD_ERROR_AUTH_FAILED);
    } else {
        snprintf(token, sizeof(token), "%s", c->host->token);
        response.header = &header;
        response.token = token;
        world_answer(stream, &response.base);
        grpc_stream_finish(stream, GRPC_OK, SLICE(""));
    }
    etcdserverpb__authenticate_request__free_unpacked(request, NULL);
}

static inline void world_answer_request(struct connection *c, struct grpc_stream *stream) {
    Etcdserverpb__RangeResponse range = ETCDSERVERPB__RANGE_RESPONSE__INIT; /* a put's is the same: a header */
    Etcdserverpb__ResponseHeader header = world_header(c);

    range.header = &header;
    world_answer(stream, &range.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""));
}

static inline void world_serve(struct connection *c, struct grpc_stream *stream, bool put) {
    struct host *host = c->host;

    host->requests++;
    host->puts += put;
    if (put && host->drops_at_put) {
        c->cut = true;
    } else if (host->leaderless && host->last_needs_leader) {
        world_fail(stream, ETCD_ERROR_NO_LEADER);
    } else if (host->token != NULL && strcmp(host->token, host->last_token) != 0) {
        world_fail(stream, ETCD_ERROR_INVALID_AUTH_TOKEN);
    } else if (host->error != ETCD_OK && host->error_times > 0) {
        host->error_times--;
        world_fail(stream, host->error);
    } else if (host->holds) {
        assert_true(host->held_count < WORLD_HELD);
        host->held[host->held_count++] = stream;
    } else {
        world_answer_request(c, stream);
    }
}

static void world_on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct connection *c = ctx;
    size_t size = head->token.size < 63 ? head->token.size : 63;

    stream->owner = (void *)(uintptr_t)etcd_method_find(head->path);
    c->host->last_needs_leader = head->needs_leader;
    c->host->last_is_nameless = head->is_nameless;
    c->host->last_timeout_ns = head->timeout_ns;
    memcpy(c->host->last_token, size > 0 ? head->token.data : "", size);
    c->host->last_token[size] = '\0';
    if (slice_equal(head->path, SLICE("/etcdserverpb.Watch/Watch"))) {
        c->host->watch = stream;
        c->host->watches++;
    }
}

static void world_on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    const struct etcd_method *method = stream->owner;
    struct connection *c = ctx;

    assert_non_null(method);
    switch (method->id) {
    case ETCD_METHOD_STATUS:
        world_answer_status(c, stream);
        break;
    case ETCD_METHOD_MEMBER_LIST:
        world_answer_members(c, stream);
        break;
    case ETCD_METHOD_AUTHENTICATE:
        world_answer_login(c, stream, message);
        break;
    case ETCD_METHOD_WATCH:
        c->host->watch_messages++;
        break;
    default:
        world_serve(c, stream, method->id == ETCD_METHOD_KV_PUT);
        break;
    }
}

static void world_on_end(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    (void)stream;
}

static void world_on_room(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    (void)stream;
}

static void world_on_stream_close(void *ctx, struct grpc_stream *stream) {
    struct connection *c = ctx;

    if (c->host->watch == stream) {
        c->host->watch = NULL;
    }
    for (size_t i = 0; i < c->host->held_count; i++) {
        if (c->host->held[i] == stream) {
            c->host->held[i] = c->host->held[--c->host->held_count];
            return;
        }
    }
}

static const struct grpc_server_events world_server_events = {world_on_open, world_on_message, world_on_end,
                                                              world_on_room, world_on_stream_close};

/* --- the connections --- */

static void *world_connect(void *ctx, struct etcd_link *link, const struct etcd_endpoint *endpoint,
                           int64_t timeout_ns) {
    static const struct grpc_server_limits limits = {.max_streams = 1000, .max_message = 1 << 20, .full_at = 1 << 20};
    struct world *world = ctx;
    struct connection *c = calloc(1, sizeof(*c));
    int number = endpoint->address.host[7] - '1';

    assert_non_null(c);
    assert_true(world->connection_count < WORLD_CONNECTIONS);
    assert_in_range(number, 0, WORLD_HOSTS - 1);
    c->world = world;
    c->host = &world->hosts[number];
    c->host->connects++;
    c->link = link;
    c->deadline_ns = world->now_ns + timeout_ns;
    c->server = grpc_server_new(&limits, &world_server_events, c);
    outbox_init(&c->out, 1 << 28);
    buf_init(&c->in, 1 << 28);
    buf_init(&c->all, 1 << 28);
    world->connections[world->connection_count++] = c;
    return c;
}

static enum larder_error world_write(void *ctx, void *handle, const struct iovec *pieces, int count,
                                     size_t *ret_written) {
    struct world *world = ctx;
    struct connection *c = handle;

    world->writes++;
    *ret_written = 0;
    if (c->cut || c->host->breaks) {
        c->cut = true;
        return LARDER_ERROR_IO;
    }
    for (int i = 0; i < count; i++) {
        buf_append(&c->in, pieces[i].iov_base, pieces[i].iov_len);
        buf_append(&c->all, pieces[i].iov_base, pieces[i].iov_len);
        *ret_written += pieces[i].iov_len;
    }
    if (c->host->tears) {
        c->cut = true;
        return LARDER_ERROR_IO;
    }
    return LARDER_OK;
}

static void world_close(void *ctx, void *handle) {
    struct connection *c = handle;

    (void)ctx;
    assert_non_null(c->link);
    c->link = NULL;
    c->cut = true;
}

static int64_t world_now(void *ctx) {
    return ((struct world *)ctx)->now_ns;
}

static void world_wake_at(void *ctx, int64_t at_ns) {
    struct world *world = ctx;

    world->wake_ns = at_ns;
    world->wakes++;
}

static const struct etcd_io world_io = {world_connect, world_write, world_close, world_now, world_wake_at};

/* --- time and bytes --- */

/* Counts the PINGs that the client has sent (RFC 9113, 4.1 and 6.7). */
static inline void world_count_pings(struct connection *c) {
    enum { PREFACE = 24, HEADER = 9, PING = 6, ACK = 1 };

    if (c->scanned == 0 && c->all.size >= PREFACE) {
        c->scanned = PREFACE;
    }
    while (c->scanned != 0 && c->all.size - c->scanned >= HEADER) {
        const uint8_t *frame = (const uint8_t *)c->all.data + c->scanned;
        size_t size = HEADER + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);

        if (c->all.size - c->scanned < size) {
            return;
        }
        c->host->pings += frame[3] == PING && (frame[4] & ACK) == 0;
        c->scanned += size;
    }
}

static inline void world_lose(struct connection *c, enum larder_error error, struct slice text) {
    struct etcd_link *link = c->link;

    c->link = NULL;
    c->cut = true;
    etcd_link_closed(link, error, text);
}

/* True: something has happened. */
static inline bool world_step(struct connection *c) {
    bool more;

    if (c->link == NULL) {
        return false;
    }
    if (!c->opened) {
        if (c->host->refuses) {
            world_lose(c, LARDER_ERROR_REFUSED, SLICE(""));
            return true;
        }
        if (c->host->silent) {
            return false;
        }
        c->opened = true;
        etcd_link_opened(c->link);
        return true;
    }
    if (c->cut) {
        world_lose(c, LARDER_ERROR_CLOSED, SLICE(""));
        return true;
    }
    world_count_pings(c);
    if (c->host->silent) {
        return false;
    }
    if (c->in.size > 0) {
        assert_true(grpc_server_feed(c->server, buf_slice(&c->in)));
        c->in.size = 0;
        return true;
    }
    assert_true(grpc_server_write(c->server, &c->out, 1 << 20, &more));
    if (outbox_pending(&c->out) > 0) {
        struct buf bytes = c->out.bytes;

        buf_init(&c->out.bytes, 1 << 28);
        etcd_link_input(c->link, buf_slice(&bytes));
        buf_fini(&bytes);
        return true;
    }
    return false;
}

/* Until nothing happens any more at this moment. */
static inline void world_settle(struct world *world) {
    bool busy = true;

    for (unsigned turns = 0; busy; turns++) {
        assert_true(turns < 100000);
        busy = false;
        if (world->wake_ns <= world->now_ns) {
            world->wake_ns = INT64_MAX;
            world->runs++;
            etcd_client_run(world->client);
            busy = true;
        }
        for (size_t i = 0; i < world->connection_count; i++) {
            struct connection *c = world->connections[i];

            busy |= world_step(c);
            if (c->link != NULL && !c->opened && c->deadline_ns <= world->now_ns) {
                world_lose(c, LARDER_ERROR_TIMEOUT, SLICE(""));
                busy = true;
            }
        }
    }
}

static inline int64_t world_next(const struct world *world) {
    int64_t next_ns = world->wake_ns;

    for (size_t i = 0; i < world->connection_count; i++) {
        const struct connection *c = world->connections[i];

        if (c->link != NULL && !c->opened && c->deadline_ns < next_ns) {
            next_ns = c->deadline_ns;
        }
    }
    return next_ns;
}

static inline void world_run(struct world *world, int64_t ms) {
    int64_t end_ns = world->now_ns + ms * CLOCK_NS_PER_MS;

    world_settle(world);
    while (world_next(world) <= end_ns) {
        world->now_ns = world_next(world);
        world_settle(world);
    }
    world->now_ns = end_ns;
    world_settle(world);
}

/* --- a life --- */

static inline void world_init(struct world *world, size_t endpoint_count) {
    char text[64];
    const char *reason;

    memset(world, 0, sizeof(*world));
    world->now_ns = 1000 * CLOCK_NS_PER_S;
    world->wake_ns = INT64_MAX;
    for (size_t i = 0; i < WORLD_HOSTS; i++) {
        world->hosts[i].cluster_id = WORLD_CLUSTER;
        snprintf(text, sizeof(text), "10.0.0.%zu:2379", i + 1);
        assert_true(address_parse(slice_from_string(text), &world->endpoints[i].address, &reason));
    }
    etcd_client_config_init(&world->config);
    world->config.endpoints = world->endpoints;
    world->config.endpoint_count = endpoint_count;
    world->config.seed = 1;
}

static inline void world_start(struct world *world) {
    world->client = etcd_client_new(&world->config, &world_io, world);
    assert_non_null(world->client);
}

static inline void world_fini(struct world *world) {
    etcd_client_free(world->client);
    world->client = NULL;
    for (size_t i = 0; i < world->connection_count; i++) {
        struct connection *c = world->connections[i];

        assert_null(c->link);
        grpc_server_free(c->server);
        outbox_fini(&c->out);
        buf_fini(&c->in);
        buf_fini(&c->all);
        free(c);
    }
}

/* Ends the connections of a host, as the kernel does for a process that is killed. */
static inline void world_cut(struct world *world, size_t host) {
    for (size_t i = 0; i < world->connection_count; i++) {
        world->connections[i]->cut |= world->connections[i]->host == &world->hosts[host];
    }
}

static inline void world_kill(struct world *world, size_t host) {
    world->hosts[host].refuses = true;
    world_cut(world, host);
}

/* A connection that the host has. */
static inline struct connection *world_connection(struct world *world, size_t host) {
    for (size_t i = world->connection_count; i-- > 0;) {
        if (world->connections[i]->host == &world->hosts[host] && world->connections[i]->link != NULL) {
            return world->connections[i];
        }
    }
    fail();
    return NULL;
}

/* The host whose member is in use, or -1. */
static inline int world_in_use(const struct world *world) {
    for (size_t i = 0; i < etcd_client_member_count(world->client); i++) {
        struct etcd_member member;

        etcd_client_member(world->client, i, &member);
        if (member.in_use) {
            return member.endpoint.address.host[7] - '1';
        }
    }
    return -1;
}

/* --- requests --- */

struct request {
    struct etcd_ask ask;
    Etcdserverpb__RangeRequest range;
    Etcdserverpb__PutRequest put;
    unsigned done;
    int64_t done_ns;
    struct world *world;
};

static void request_done(struct etcd_ask *ask) {
    struct request *request = ask->owner;

    request->done++;
    request->done_ns = request->world->now_ns;
}

static inline void request_init(struct world *world, struct request *request, bool put) {
    memset(request, 0, sizeof(*request));
    request->world = world;
    etcd_ask_init(&request->ask);
    etcdserverpb__range_request__init(&request->range);
    etcdserverpb__put_request__init(&request->put);
    request->range.key = etcd_bytes(SLICE("key"));
    request->put.key = etcd_bytes(SLICE("key"));
    request->ask.method = etcd_method_get(put ? ETCD_METHOD_KV_PUT : ETCD_METHOD_KV_RANGE);
    request->ask.request = put ? &request->put.base : &request->range.base;
    request->ask.repeat = put ? ETCD_REPEAT_NOT : ETCD_REPEAT;
    request->ask.done = request_done;
    request->ask.owner = request;
}

static inline void request_get(struct world *world, struct request *request) {
    request_init(world, request, false);
    etcd_client_ask(world->client, &request->ask);
}

static inline void request_put(struct world *world, struct request *request) {
    request_init(world, request, true);
    etcd_client_ask(world->client, &request->ask);
}

/* Asks, runs `ms`, and expects an end with `status`. */
#define EXPECT(world, request, ms, wanted)                                                                             \
    do {                                                                                                               \
        world_run(world, ms);                                                                                          \
        assert_int_equal((request)->done, 1);                                                                          \
        assert_int_equal((request)->ask.status, wanted);                                                               \
        etcd_ask_fini(&(request)->ask);                                                                                \
    } while (0)

/* The member in use has answered: writes go out at once. */
static inline void world_prove(struct world *world) {
    struct request get;

    request_get(world, &get);
    EXPECT(world, &get, 1, STORE_OK);
}

#endif
