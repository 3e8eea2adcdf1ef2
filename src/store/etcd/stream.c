/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/etcd/state.h"

/* A stream of watches begins with a token that is at most so old: what a watch meets with an old one cannot be told from
 * a right that is missing, and nothing else may have renewed it meanwhile. */
#define TOKEN_AGE_NS (60 * CLOCK_NS_PER_S)

struct etcd_stream {
    struct etcd_call call; /* first */
    struct etcd_client *client;
    struct etcd_stream *next; /* in client->streams */
    struct etcd_stream *previous;
    const struct etcd_method *method;
    const struct etcd_stream_events *events;
    void *ctx;
    bool is_lost;  /* on_lost is due */
    bool is_heard; /* a message came in this call */
    unsigned failures;
    unsigned refusals;  /* of tokens, in a row */
    int64_t refused_ns; /* when the last one was */
    uint64_t token;     /* number of the one it began with */
    int64_t next_ns;    /* not begun before */
    enum store_status status;
    char why[ETCD_MEMBER_TEXT_MAX];
};

static struct etcd_stream *stream_of(struct etcd_call *call) {
    return (struct etcd_stream *)(void *)call;
}

/* Notes that the call has ended. */
static void lose(struct etcd_stream *stream, enum store_status status, struct slice why, int64_t pause_ns) {
    struct etcd_client *client = stream->client;

    stream->is_lost = true;
    stream->status = status;
    stream->next_ns = client->now_ns + pause_ns;
    (void)snprintf(stream->why, sizeof(stream->why), "%.*s", (int)why.size, why.size > 0 ? why.data : "");
    client->must_tend = true;
    client->is_unsettled = true;
    etcd_client_wake_by(client, stream->next_ns);
}

static void on_message(struct etcd_call *call, struct slice bytes) {
    struct etcd_stream *stream = stream_of(call);

    stream->is_heard = true;
    stream->failures = 0;
    stream->events->on_message(stream->ctx, bytes);
}

static int64_t pause_after(struct etcd_stream *stream) {
    const struct etcd_client_config *config = &stream->client->config;

    return etcd_client_backoff(stream->client, config->backoff_min_ns, config->backoff_max_ns, stream->failures++);
}

static void on_close(struct etcd_call *call, struct etcd_link *link, const struct grpc_end *end) {
    struct etcd_stream *stream = stream_of(call);
    struct etcd_client *client = stream->client;
    struct etcd_outcome outcome = etcd_outcome(end->status, end->text, end->untouched);
    struct slice text = end->status == GRPC_OK ? SLICE("the member ended the stream") : end->text;
    bool is_gone = link->phase == ETCD_LINK_DEAD || link->phase == ETCD_LINK_DRAINING || link->member == NULL;

    if (outcome.status == STORE_OK) {
        outcome.status = STORE_UNAVAILABLE;
    }
    if (outcome.verdict == ETCD_VERDICT_LOGIN && etcd_login_renew(client, stream->token)) {
        outcome.status = STORE_UNAVAILABLE;
    }
    if (outcome.leave && !is_gone && link->member->seen.health != ETCD_HEALTH_FAILING) {
        etcd_member_fail(client, link->member,
                         outcome.error == ETCD_ERROR_NO_LEADER ? ETCD_FAILURE_LEADERLESS : ETCD_FAILURE_SILENCE, text);
        is_gone = true;
    }
    lose(stream, outcome.status, text, is_gone ? 0 : pause_after(stream));
}

static const struct etcd_call_ops ops = {.on_message = on_message, .on_close = on_close};

struct etcd_stream *etcd_stream_open(struct etcd_client *client, enum etcd_method_id method,
                                     const struct etcd_stream_events *events, void *ctx) {
    struct etcd_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    etcd_client_enter(client);
    *stream = (struct etcd_stream){
        .call.ops = &ops, .client = client, .method = etcd_method_get(method), .events = events, .ctx = ctx};
    stream->next = client->streams;
    if (stream->next != NULL) {
        stream->next->previous = stream;
    }
    client->streams = stream;
    client->is_started = true;
    client->must_tend = true;
    client->is_unsettled = true;
    etcd_client_wake_by(client, client->now_ns);
    etcd_client_leave(client, false);
    return stream;
}

bool etcd_stream_send(struct etcd_stream *stream, const ProtobufCMessage *message) {
    struct etcd_client *client = stream->client;
    size_t size;
    char *at;

    if (stream->call.link == NULL) {
        return false;
    }
    etcd_client_enter(client);
    size = protobuf_c_message_get_packed_size(message);
    at = grpc_call_message(stream->call.call, size);
    if (at != NULL) {
        protobuf_c_message_pack(message, (uint8_t *)at);
        etcd_link_make_dirty(stream->call.link);
    }
    etcd_client_leave(client, false);
    return at != NULL;
}

void etcd_stream_distrust(struct etcd_stream *stream, const char *why) {
    struct etcd_client *client = stream->client;
    struct etcd_link *link = stream->call.link;

    if (link == NULL) {
        return; /* it is lost already */
    }
    etcd_client_enter(client);
    etcd_call_drop(&stream->call);
    lose(stream, STORE_PROTOCOL, slice_from_string(why), pause_after(stream));
    if (link->member != NULL) {
        etcd_member_fail(client, link->member, ETCD_FAILURE_SILENCE, slice_from_string(why));
    }
    etcd_client_wake_by(client, client->now_ns);
    etcd_client_leave(client, false);
}

/* A cluster that refuses each token is asked for new ones less and less often: a login is dear. */
static int64_t pause_after_refusal(struct etcd_stream *stream) {
    struct etcd_client *client = stream->client;
    unsigned before;

    if (client->now_ns - stream->refused_ns > TOKEN_AGE_NS) {
        stream->refusals = 0;
    }
    stream->refused_ns = client->now_ns;
    before = stream->refusals++;
    return before == 0
               ? 0
               : etcd_client_backoff(client, client->config.backoff_min_ns, client->config.backoff_max_ns, before - 1);
}

void etcd_stream_renew(struct etcd_stream *stream, const char *why) {
    struct etcd_client *client = stream->client;

    if (stream->call.link == NULL) {
        return; /* it is lost already */
    }
    if (client->login.user == NULL) {
        etcd_stream_distrust(stream, why);
        return;
    }
    etcd_client_enter(client);
    etcd_call_drop(&stream->call);
    lose(stream, STORE_UNAVAILABLE, slice_from_string(why), pause_after_refusal(stream));
    (void)etcd_login_renew(client, stream->token);
    etcd_client_wake_by(client, client->now_ns);
    etcd_client_leave(client, false);
}

static void unlink_stream(struct etcd_stream *stream) {
    if (stream->next != NULL) {
        stream->next->previous = stream->previous;
    }
    if (stream->previous != NULL) {
        stream->previous->next = stream->next;
    } else {
        stream->client->streams = stream->next;
    }
}

void etcd_stream_close(struct etcd_stream *stream) {
    struct etcd_client *client;

    if (stream == NULL) {
        return;
    }
    client = stream->client;
    etcd_client_enter(client);
    etcd_call_drop(&stream->call);
    unlink_stream(stream);
    free(stream);
    etcd_client_leave(client, false);
}

/* --- the client's side --- */

/* False: it cannot be begun now. */
static bool begin(struct etcd_stream *stream) {
    struct etcd_client *client = stream->client;
    struct grpc_call_options options = {.token = etcd_login_token(client), .has_leader = true};
    struct etcd_link *link = client->current->links[ETCD_FOR_STREAMS];

    if (client->login.phase == ETCD_LOGIN_GOOD && client->now_ns - client->login.since_ns > TOKEN_AGE_NS) {
        (void)etcd_login_renew(client, client->login.number);
        return false;
    }
    stream->is_heard = false;
    stream->token = client->login.number;
    if (!etcd_call_begin(&stream->call, link, stream->method->path, &options)) {
        stream->next_ns = client->now_ns + pause_after(stream);
        etcd_client_wake_by(client, stream->next_ns);
        return false;
    }
    return true;
}

static bool can_begin(const struct etcd_client *client) {
    return client->current != NULL && etcd_member_is_usable(client->current) &&
           etcd_link_is_ready(client->current->links[ETCD_FOR_STREAMS]) && etcd_login_is_ready(client);
}

/* Tells of one thing. False: there is none. The stream may be gone afterwards. */
static bool step(struct etcd_client *client) {
    for (struct etcd_stream *stream = client->streams; stream != NULL; stream = stream->next) {
        if (stream->is_lost) {
            stream->is_lost = false;
            client->figures.streams_lost++;
            stream->events->on_lost(stream->ctx, stream->status, slice_from_string(stream->why));
            return true;
        }
        if (stream->call.link == NULL && stream->next_ns <= client->now_ns && can_begin(client) && begin(stream)) {
            stream->events->on_open(stream->ctx);
            return true;
        }
    }
    return false;
}

void etcd_streams_tend(struct etcd_client *client) {
    while (step(client)) {
    }
}

int64_t etcd_streams_due(const struct etcd_client *client) {
    int64_t due_ns = INT64_MAX;

    for (const struct etcd_stream *stream = client->streams; stream != NULL; stream = stream->next) {
        if (stream->call.link == NULL && stream->next_ns > client->now_ns && stream->next_ns < due_ns) {
            due_ns = stream->next_ns;
        }
    }
    return due_ns;
}

bool etcd_streams_wait(const struct etcd_client *client) {
    for (const struct etcd_stream *stream = client->streams; stream != NULL; stream = stream->next) {
        if (stream->call.link == NULL) {
            return true;
        }
    }
    return false;
}

void etcd_streams_leave(struct etcd_client *client, const struct etcd_link *link) {
    for (struct etcd_stream *stream = client->streams; stream != NULL; stream = stream->next) {
        if (stream->call.link == link) {
            etcd_call_drop(&stream->call);
            lose(stream, STORE_UNAVAILABLE, SLICE("the connection is replaced"), 0);
        }
    }
}

void etcd_streams_fini(struct etcd_client *client) {
    while (client->streams != NULL) {
        struct etcd_stream *stream = client->streams;

        etcd_call_drop(&stream->call);
        unlink_stream(stream);
        free(stream);
    }
}
