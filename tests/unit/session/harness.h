/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SESSION_HARNESS_H
#define LARDER_TESTS_SESSION_HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

/* A node without a network: a table, telemetry and one worker, and clients that talk to it by bytes. Shared by the
 * tests of the session and the fuzzers. */
struct harness {
    struct rpc_node rpc;
    struct table table;
    struct telemetry *telemetry;
    struct group_set *groups;
    struct cmd_node node;
    struct session_worker worker;
};

enum { HARNESS_NOW = 100, HARNESS_PIECES = 8 };

struct harness_config {
    uint64_t memory;
    uint64_t max_item;
    size_t max_line;
    size_t max_output;
};

static inline void harness_must(bool good) {
    if (!good) {
        abort();
    }
}

static inline void harness_init(struct harness *h, const struct harness_config *config) {
    const struct table_config table = {.memory = config->memory, .max_item = config->max_item, .seed = 7};
    struct cmd_context context;

    memset(h, 0, sizeof(*h));
    harness_must(table_init(&h->table, &table) == LARDER_OK);
    harness_must(group_set_build(NULL, 0, config->max_item, NULL, &h->groups) == LARDER_OK);
    h->telemetry = telemetry_new(1);
    harness_must(h->telemetry != NULL);
    h->node.table = &h->table;
    h->node.telemetry = h->telemetry;
    h->node.memory = config->memory;
    h->node.max_item = config->max_item;
    h->node.workers = 1;
    context = (struct cmd_context){
        .node = &h->node,
        .telemetry = telemetry_worker(h->telemetry, 0),
        .groups = h->groups,
        .now = HARNESS_NOW,
    };
    harness_must(session_worker_init(&h->worker, &context, &h->rpc, config->max_line, config->max_output));
}

static inline void harness_fini(struct harness *h) {
    session_worker_fini(&h->worker);
    telemetry_free(h->telemetry);
    group_set_free(h->groups);
    table_fini(&h->table);
}

static inline uint64_t harness_counter(struct harness *h, enum counter counter) {
    return atomic_load(&telemetry_worker(h->telemetry, 0)->counters[counter]);
}

/* One connection: what it said is fed to the session, what it heard is gathered in `heard`. */
struct client {
    struct session session;
    struct buf heard;
    size_t take; /* at most so many bytes are taken from the outbox at a time; 0: all there is */
    bool deaf;   /* nothing is taken */
    uint64_t stalls;
};

static inline void client_init(struct client *c, struct harness *h) {
    memset(c, 0, sizeof(*c));
    session_init(&c->session, &h->worker);
    buf_init(&c->heard, (size_t)1 << 30);
}

static inline void client_fini(struct client *c) {
    session_fini(&c->session);
    buf_fini(&c->heard);
}

static inline void client_take(struct client *c) {
    struct iovec pieces[HARNESS_PIECES];
    int count = session_pieces(&c->session, pieces, HARNESS_PIECES);
    size_t left = c->take > 0 ? c->take : SIZE_MAX;
    size_t taken = 0;

    harness_must(count > 0 && count <= HARNESS_PIECES);
    for (int i = 0; i < count && left > 0; i++) {
        size_t size = pieces[i].iov_len < left ? pieces[i].iov_len : left;

        harness_must(size > 0);
        harness_must(buf_append(&c->heard, pieces[i].iov_base, size) == LARDER_OK);
        taken += size;
        left -= size;
    }
    session_sent(&c->session, taken);
}

/* Takes all replies, and lets input go on that had to wait for room. */
static inline void client_pump(struct client *c) {
    while (!c->deaf && (session_has_output(&c->session) || c->session.stalled)) {
        if (session_has_output(&c->session)) {
            client_take(c);
        }
        if (c->session.stalled) {
            c->stalls++;
            session_resume(&c->session);
        }
    }
}

/* Feeds one piece as the network would: to where the session wants it, in as many reads as that needs. */
static inline void client_say(struct client *c, const char *data, size_t size) {
    while (size > 0 && !c->session.over) {
        char *place;
        size_t room;
        char *exact;

        harness_must(session_wants_input(&c->session));
        session_read_place(&c->session, &place, &room);
        harness_must(room > 0);
        room = room < size ? room : size;
        memcpy(place, data, room);
        /* What lay in the scratch before must not be read: spoil it. */
        exact = place + room;
        if (place == c->session.worker->scratch && room + 64 <= SESSION_SCRATCH_SIZE) {
            memset(exact, 0xee, 64);
        }
        session_feed(&c->session, room);
        data += room;
        size -= room;
        client_pump(c);
    }
}

static inline void client_say_text(struct client *c, const char *text) {
    client_say(c, text, strlen(text));
}

#endif
