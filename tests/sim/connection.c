/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <stdio.h>

enum { GARBAGE_SIZE = 40, MESSAGE_MAX = 2 << 20, FULL_AT = 1 << 20, WRITE_MOST = 1 << 20 };

/* --- bytes out --- */

static void flush(void *ctx) {
    struct connection *c = ctx;
    bool more = true;
    bool good = !c->is_closing;

    c->flush = NULL;
    while (more) {
        good = grpc_server_write(c->server, &c->out, WRITE_MOST, &more) && good;
        wire_send(c->wire, buf_slice(&c->out.bytes));
        more = more && c->out.bytes.size > 0;
        outbox_clear(&c->out, SIZE_MAX);
    }
    if (!good || grpc_server_is_over(c->server)) {
        wire_close(c->wire, LARDER_ERROR_CLOSED);
        connection_free(c);
    }
}

void connection_flush_soon(struct connection *c) {
    if (c->flush == NULL) {
        c->flush = sim_after(c->member->cluster->sim, 0, flush, c);
    }
}

/* --- calls --- */

struct call *call_hold(struct call *call) {
    call->refs++;
    return call;
}

void call_drop(struct call *call) {
    if (--call->refs == 0) {
        arena_fini(&call->arena);
        free(call);
    }
}

void call_send(struct call *call, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    char *room;

    if (call->stream == NULL || call->is_finished) {
        return;
    }
    room = grpc_stream_message(call->stream, size);
    sim_must(room != NULL);
    protobuf_c_message_pack(message, (uint8_t *)room);
    ping_watch_sent(&call->connection->pings);
    connection_flush_soon(call->connection);
}

void call_finish(struct call *call, enum etcd_error error) {
    if (call->stream == NULL || call->is_finished) {
        return;
    }
    call->is_finished = true;
    grpc_stream_finish(call->stream, etcd_error_status(error), etcd_error_text(error));
    ping_watch_sent(&call->connection->pings);
    connection_flush_soon(call->connection);
}

/* No protobuf at all; or an answer too few, or too many. */
static void send_garbled(struct call *call, const ProtobufCMessage *message) {
    char *room;

    switch (random_below(&call->member->cluster->sim->random, 3)) {
    case 0:
        room = grpc_stream_message(call->stream, GARBAGE_SIZE);
        sim_must(room != NULL);
        memset(room, 0xff, GARBAGE_SIZE);
        break;
    case 1:
        call_send(call, message);
        call_send(call, message);
        break;
    default:
        break;
    }
}

static bool is_kv(const struct call *call) {
    return call->method->id == ETCD_METHOD_KV_RANGE || call->method->id == ETCD_METHOD_KV_PUT ||
           call->method->id == ETCD_METHOD_KV_TXN;
}

void call_answer(struct call *call, const ProtobufCMessage *message) {
    struct cluster *cluster = call->member->cluster;

    if (call->stream != NULL && is_kv(call) && (cluster->garblers & 1U << call->member->place) != 0 &&
        sim_chance(cluster->sim, cluster->garble_percent)) {
        send_garbled(call, message);
    } else {
        call_send(call, message);
    }
    call_finish(call, ETCD_OK);
}

void call_header(const struct call *call, Etcdserverpb__ResponseHeader *ret_header) {
    etcdserverpb__response_header__init(ret_header);
    ret_header->cluster_id = call->member->cluster->id;
    ret_header->member_id = call->member->id;
    ret_header->revision = member_revision(call->member);
    ret_header->raft_term = call->member->cluster->term;
}

/* --- gRPC's events --- */

static void on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct connection *c = ctx;
    struct call *call = sim_new(sizeof(*call));

    *call = (struct call){.member = c->member,
                          .connection = c,
                          .stream = stream,
                          .method = etcd_method_find(head->path),
                          .refs = 1,
                          .next = c->calls,
                          .previous = &c->calls};
    if (c->calls != NULL) {
        c->calls->previous = &call->next;
    }
    c->calls = call;
    stream->owner = call;
    arena_init(&call->arena, SIZE_MAX / 2);
    sim_must(call->method != NULL && head->token.size < sizeof(call->token));
    (void)snprintf(call->token, sizeof(call->token), "%.*s", (int)head->token.size, head->token.data);
    c->member->cluster->requests++;
    c->member->cluster->without_leader_wish +=
        !head->needs_leader && call->method->id != ETCD_METHOD_STATUS && call->method->id != ETCD_METHOD_MEMBER_LIST;
    if (head->needs_leader && !c->member->has_leader) {
        call_finish(call, ETCD_ERROR_NO_LEADER);
    } else if (is_kv(call) && c->member->cluster->busy_percent > 0 &&
               sim_chance(c->member->cluster->sim, c->member->cluster->busy_percent)) {
        call_finish(call, ETCD_ERROR_TOO_MANY_REQUESTS);
    }
}

static void on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    struct call *call = stream->owner;
    ProtobufCMessage *request;

    (void)ctx;
    if (!call->is_finished) {
        request = etcd_message_unpack(call->method->request, message, &call->arena);
        sim_must(request != NULL);
        connection_dispatch(call, request);
    }
}

static void on_end(void *ctx, struct grpc_stream *stream) {
    struct call *call = stream->owner;

    (void)ctx;
    if (call->method->client_streams) {
        call_finish(call, ETCD_OK);
    }
}

static void on_room(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    (void)stream;
}

static void on_close(void *ctx, struct grpc_stream *stream) {
    struct call *call = stream->owner;

    (void)ctx;
    if (call->close != NULL) {
        call->close(call);
    }
    *call->previous = call->next;
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->stream = NULL;
    call->connection = NULL;
    call_drop(call);
}

static const struct grpc_server_events events = {on_open, on_message, on_end, on_room, on_close};

/* --- the network's events --- */

static void *on_accept(void *ctx, struct wire *wire) {
    struct member *member = ctx;
    struct connection *c = sim_new(sizeof(*c));
    const struct grpc_server_limits limits = {member->cluster->max_streams, MESSAGE_MAX, FULL_AT};

    *c = (struct connection){
        .member = member, .wire = wire, .next = member->connections, .previous = &member->connections};
    if (member->connections != NULL) {
        member->connections->previous = &c->next;
    }
    member->connections = c;
    outbox_init(&c->out, SIZE_MAX / 2);
    c->server = grpc_server_new(&limits, &events, c);
    sim_must(c->server != NULL);
    connection_flush_soon(c);
    return c;
}

static void on_input(void *peer, struct slice bytes) {
    struct connection *c = peer;
    struct cluster *cluster = c->member->cluster;

    if (!ping_watch_feed(&c->pings, bytes, cluster->sim->now_ns, grpc_server_calls(c->server) > 0)) {
        cluster->too_many_pings += !c->is_closing;
        c->is_closing = true;
    }
    if (!c->is_closing && !grpc_server_feed(c->server, bytes)) {
        c->is_closing = true;
    }
    connection_flush_soon(c);
}

void connection_free(struct connection *c) {
    *c->previous = c->next;
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    grpc_server_free(c->server);
    sim_cancel(c->member->cluster->sim, c->flush);
    outbox_fini(&c->out);
    free(c);
}

static void on_gone(void *peer) {
    connection_free(peer);
}

const struct net_server member_server = {on_accept, on_input, on_gone};
