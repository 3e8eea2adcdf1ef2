/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_fake.h"

#include <stdio.h>
#include <stdlib.h>

int64_t fake_now_ns(void *fake) {
    return ((struct etcd_client *)fake)->now_ns;
}

void fake_init(struct etcd_client *fake) {
    memset(fake, 0, sizeof(*fake));
    arena_init(&fake->arena, SIZE_MAX);
    fake->next_lease = 7000;
}

void fake_fini(struct etcd_client *fake) {
    for (size_t i = 0; i < fake->stream_count; i++) {
        assert_true(fake->streams[i].closed);
    }
    arena_fini(&fake->arena);
}

static struct slice pack(const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    char *bytes = malloc(size + 1);

    assert_non_null(bytes);
    protobuf_c_message_pack(message, (uint8_t *)bytes);
    return slice_make(bytes, size);
}

static ProtobufCMessage *copy_of(const ProtobufCMessage *message, struct arena *arena) {
    struct slice bytes = pack(message);
    ProtobufCMessage *copy = etcd_message_unpack(message->descriptor, bytes, arena);

    assert_non_null(copy);
    free((void *)(uintptr_t)bytes.data);
    return copy;
}

/* --- asks --- */

void etcd_ask_init(struct etcd_ask *ask) {
    memset(ask, 0, sizeof(*ask));
    arena_init(&ask->arena, ETCD_MESSAGE_MAX);
}

void etcd_ask_fini(struct etcd_ask *ask) {
    arena_fini(&ask->arena);
}

void etcd_client_ask(struct etcd_client *client, struct etcd_ask *ask) {
    assert_true(client->ask_count < FAKE_ASKS);
    assert_ptr_equal(ask->method->request, ask->request->descriptor);
    client->asks[client->ask_count++] = ask;
}

void fake_answer(struct etcd_ask *ask, const ProtobufCMessage *response) {
    ask->status = STORE_OK;
    ask->attempts = ask->repeated ? 2 : 1;
    ask->response = response != NULL ? copy_of(response, &ask->arena) : NULL;
    ask->done(ask);
}

void fake_refuse(struct etcd_ask *ask, enum store_status status) {
    ask->status = status;
    ask->done(ask);
}

/* --- streams --- */

struct etcd_stream *etcd_stream_open(struct etcd_client *client, enum etcd_method_id method,
                                     const struct etcd_stream_events *events, void *ctx) {
    struct etcd_stream *stream = &client->streams[client->stream_count];

    if (client->no_streams) {
        return NULL;
    }
    assert_true(client->stream_count < FAKE_STREAMS);
    client->stream_count++;
    *stream = (struct etcd_stream){.events = events, .ctx = ctx, .method = method, .arena = &client->arena};
    return stream;
}

bool etcd_stream_send(struct etcd_stream *stream, const ProtobufCMessage *message) {
    assert_false(stream->closed);
    if (stream->refuses || !stream->open) {
        return false;
    }
    assert_true(stream->sent_count < FAKE_SENT);
    stream->sent[stream->sent_count++] = copy_of(message, stream->arena);
    return true;
}

void etcd_stream_distrust(struct etcd_stream *stream, const char *why) {
    assert_false(stream->closed);
    stream->distrusted++;
    snprintf(stream->why, sizeof(stream->why), "%s", why);
    if (stream->loses_at_once) {
        fake_lose(stream);
    }
}

void etcd_stream_renew(struct etcd_stream *stream, const char *why) {
    assert_false(stream->closed);
    stream->renewed++;
    snprintf(stream->why, sizeof(stream->why), "%s", why);
    if (stream->loses_at_once) {
        fake_lose(stream);
    }
}

void etcd_stream_close(struct etcd_stream *stream) {
    if (stream != NULL) {
        assert_false(stream->closed);
        stream->closed = true;
    }
}

struct etcd_stream *fake_stream(struct etcd_client *fake) {
    for (size_t i = fake->stream_count; i > 0; i--) {
        if (!fake->streams[i - 1].closed) {
            return &fake->streams[i - 1];
        }
    }
    fail_msg("no stream is open");
    return NULL;
}

void fake_open(struct etcd_stream *stream) {
    assert_false(stream->closed);
    stream->open = true;
    stream->events->on_open(stream->ctx);
}

void fake_send_bytes(struct etcd_stream *stream, struct slice bytes) {
    assert_false(stream->closed);
    stream->events->on_message(stream->ctx, bytes);
}

void fake_send(struct etcd_stream *stream, const ProtobufCMessage *message) {
    struct slice bytes = pack(message);

    fake_send_bytes(stream, bytes);
    free((void *)(uintptr_t)bytes.data);
}

void fake_lose(struct etcd_stream *stream) {
    assert_false(stream->closed);
    stream->open = false;
    stream->events->on_lost(stream->ctx, STORE_UNAVAILABLE, SLICE("cut"));
}

/* --- what is known of the cluster --- */

size_t etcd_client_member_count(const struct etcd_client *client) {
    return client->member_count;
}

void etcd_client_member(const struct etcd_client *client, size_t place, struct etcd_member *ret_member) {
    *ret_member = client->members[place];
}

uint64_t etcd_client_cluster_id(const struct etcd_client *client) {
    return client->cluster_id;
}

int64_t etcd_client_revision(const struct etcd_client *client) {
    return client->revision;
}

bool etcd_client_has_user(const struct etcd_client *client) {
    return client->has_user;
}

void etcd_client_note_revision(struct etcd_client *client, int64_t revision) {
    if (revision > client->revision) {
        client->revision = revision;
    }
}

void etcd_client_note_unknown(struct etcd_client *client) {
    client->unknowns++;
}

int64_t etcd_client_draw_lease(struct etcd_client *client) {
    return client->next_lease++;
}
