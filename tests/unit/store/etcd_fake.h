/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_ETCD_FAKE_H
#define LARDER_TESTS_STORE_ETCD_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/client.h"

/* The functions of store/etcd/client.h without a cluster: what is asked is recorded, and the test answers. They take the
 * place of the real ones in a program that links this file. */

enum { FAKE_ASKS = 64, FAKE_STREAMS = 8, FAKE_SENT = 2048, FAKE_MEMBERS = 4 };

struct etcd_stream {
    const struct etcd_stream_events *events;
    void *ctx;
    enum etcd_method_id method;
    bool open;
    bool closed;
    bool refuses;       /* etcd_stream_send fails */
    bool loses_at_once; /* etcd_stream_distrust calls on_lost from inside */
    unsigned distrusted;
    unsigned renewed; /* etcd_stream_renew */
    char why[256];
    ProtobufCMessage *sent[FAKE_SENT]; /* unpacked again */
    size_t sent_count;
    struct arena *arena; /* the client's */
};

struct etcd_client {
    struct etcd_ask *asks[FAKE_ASKS];
    size_t ask_count;
    struct etcd_stream streams[FAKE_STREAMS];
    size_t stream_count;
    bool no_streams; /* etcd_stream_open fails */
    struct etcd_member members[FAKE_MEMBERS];
    size_t member_count;
    uint64_t cluster_id;
    int64_t revision;
    bool has_user;
    unsigned unknowns; /* etcd_client_note_unknown */
    int64_t next_lease;
    int64_t now_ns;
    struct arena arena; /* of what was sent */
};

void fake_init(struct etcd_client *fake);
void fake_fini(struct etcd_client *fake);

/* The client's clock; `fake` is the client. */
int64_t fake_now_ns(void *fake);

/* --- asks --- */

/* Answers the ask with a copy of the message. */
void fake_answer(struct etcd_ask *ask, const ProtobufCMessage *response);

/* Ends it with a status. */
void fake_refuse(struct etcd_ask *ask, enum store_status status);

/* --- streams --- */

/* The newest that is not closed; fails the test where there is none. */
struct etcd_stream *fake_stream(struct etcd_client *fake);

void fake_open(struct etcd_stream *stream);
void fake_send(struct etcd_stream *stream, const ProtobufCMessage *message);
void fake_send_bytes(struct etcd_stream *stream, struct slice bytes);
void fake_lose(struct etcd_stream *stream);

#endif
