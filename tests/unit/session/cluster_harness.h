/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SESSION_CLUSTER_HARNESS_H
#define LARDER_TESTS_SESSION_CLUSTER_HARNESS_H

#include "harness.h"

#include "base/clock.h"
#include "group/shared.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/stream.h"
#include "net/timer.h"

/* Nodes of one cluster in one process and on one loop: tables, keepers, links and sessions are real, and so is the loopback
 * between them. The membership is the test's: it says who is in it and who has heard of it, in place of the store. */
enum { HERD = 3, HERD_TICK_MS = 2, HERD_PATIENCE_MS = 20000 };

#define HERD_LEASE_NS INT64_C(400000000)
#define HERD_HANDOFF_NS INT64_C(4000000000)
#define HERD_TIMEOUT_NS INT64_C(500000000)

struct herd;

/* What stands where a node's part in the store would be. */
struct cluster {
    struct herd *herd;
    struct beast *beast;
    struct cluster_wait *refreshes;
    struct cluster_wait *purges;
};

struct wire {
    struct stream stream;
    struct session session;
    struct beast *beast;
    struct wire *next;
    bool writing;
};

/* A node. */
struct beast {
    struct herd *herd;
    char id[2];
    char address[32];
    int64_t incarnation; /* of its record; 0: it has none */
    bool leaving;
    bool deaf;  /* it hears no news of the membership and renews nothing */
    bool hangs; /* it does not read what other nodes ask it (beast_hang) */
    struct harness h;
    struct keeper *keeper;
    struct cluster cluster;
    struct shared shared;
    struct shared_worker worker;
    struct greeting_identity identity;
    struct heat *heat; /* herd_copy */
    struct listener *listener;
    struct mailbox *mailbox;
    struct mailbox_message completed;
    bool waking;
    struct wire *wires;
    size_t wire_count;
};

struct herd {
    struct loop *loop;
    struct timer *timer;
    struct beast beasts[HERD];
    int64_t revision;
    struct membership *members;
    bool (*until)(void *ctx);
    void *until_ctx;
    int64_t patience_ns;
    bool reached;
};

/* --- requests come in, replies go out --- */

static inline void beast_begin(struct beast *b) {
    int64_t now_ns = clock_monotonic_ns();

    if (!b->deaf) {
        keeper_set_authority(b->keeper, now_ns, now_ns); /* however slow the machine is */
    }
    cmd_context_set_now(&b->h.worker.context, now_ns);
    shared_worker_begin(&b->worker);
}

static inline bool wire_write(struct wire *w) {
    while (session_has_output(&w->session)) {
        struct iovec pieces[HARNESS_PIECES];
        int count = session_pieces(&w->session, pieces, HARNESS_PIECES);
        size_t written;

        if (stream_write(&w->stream, pieces, count, &written) != LARDER_OK) {
            return false;
        }
        session_sent(&w->session, written);
        if (written == 0) {
            return false;
        }
    }
    return true;
}

static inline void wire_pump(struct wire *w) {
    bool drained = wire_write(w);

    while (drained && w->session.stalled) {
        session_resume(&w->session);
        drained = wire_write(w);
    }
    if (stream_closing(&w->stream)) {
        return;
    }
    if (session_is_over(&w->session)) {
        stream_close(&w->stream);
        return;
    }
    stream_want_write(&w->stream, session_has_output(&w->session) || w->session.stalled);
    stream_want_read(&w->stream, !w->beast->hangs && session_wants_input(&w->session));
}

static inline void beast_hang(struct beast *b) {
    b->hangs = true;
    for (struct wire *w = b->wires; w != NULL; w = w->next) {
        stream_want_read(&w->stream, false);
    }
}

static inline void wire_read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    session_read_place(&((struct wire *)ctx)->session, ret_data, ret_size);
}

static inline void wire_on_read(void *ctx, size_t size) {
    struct wire *w = ctx;

    beast_begin(w->beast);
    session_feed(&w->session, size);
    wire_pump(w);
}

static inline void wire_on_writable(void *ctx) {
    wire_pump(ctx);
}

static inline void wire_on_close(void *ctx, enum larder_error error) {
    struct wire *w = ctx;
    struct wire **at = &w->beast->wires;

    (void)error;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    w->beast->wire_count--;
    session_fini(&w->session);
    free(w);
}

static const struct stream_ops wire_ops = {
    .read_buffer = wire_read_buffer,
    .on_read = wire_on_read,
    .on_writable = wire_on_writable,
    .on_close = wire_on_close,
};

static inline void beast_on_accept(void *ctx, int fd) {
    struct beast *b = ctx;
    struct wire *w = calloc(1, sizeof(*w));

    harness_must(w != NULL);
    w->beast = b;
    session_init(&w->session, &b->h.worker);
    harness_must(stream_open(&w->stream, b->herd->loop, fd, &wire_ops, w) == LARDER_OK);
    if (b->hangs) {
        stream_want_read(&w->stream, false);
    }
    w->next = b->wires;
    b->wires = w;
    b->wire_count++;
}

static const struct listener_ops beast_listener_ops = {.on_accept = beast_on_accept};

/* The session is a wire's, or a test's client's. */
static inline void beast_on_ready(struct session *s) {
    struct beast *b = (struct beast *)(void *)((char *)s->worker - offsetof(struct beast, h.worker));

    for (struct wire *w = b->wires; w != NULL; w = w->next) {
        if (&w->session == s) {
            if (!stream_closing(&w->stream)) {
                wire_pump(w);
            }
            return;
        }
    }
    client_pump((struct client *)(void *)((char *)s - offsetof(struct client, session)));
}

static inline void beast_completed(struct mailbox_message *message) {
    struct beast *b = (struct beast *)(void *)((char *)message - offsetof(struct beast, completed));

    b->waking = false;
    beast_begin(b);
    session_worker_complete(&b->h.worker);
}

static inline void beast_wake(void *ctx) {
    struct beast *b = ctx;

    if (!b->waking) {
        b->waking = true;
        mailbox_post(b->mailbox, &b->completed);
    }
}

/* --- the membership --- */

static inline void herd_read(struct herd *herd) {
    struct kv kvs[HERD];
    struct buf values[HERD];
    char keys[HERD][32];
    size_t count = 0;
    size_t bad;

    for (size_t i = 0; i < HERD; i++) {
        struct beast *b = &herd->beasts[i];
        const struct member member = {
            .id = slice_from_string(b->id),
            .address = slice_from_string(b->address),
            .algorithm = RING_ALGORITHM,
            .leaving = b->leaving,
        };

        if (b->incarnation == 0) {
            continue;
        }
        buf_init(&values[count], 4096);
        harness_must(member_record_write(&member, &values[count]) == LARDER_OK);
        snprintf(keys[count], sizeof(keys[count]), "/larder/t/nodes/%s", b->id);
        kvs[count] = (struct kv){
            .key = slice_from_string(keys[count]),
            .value = buf_slice(&values[count]),
            .create_revision = b->incarnation,
            .mod_revision = herd->revision,
        };
        count++;
    }
    membership_unref(herd->members);
    harness_must(membership_read(SLICE("/larder/t/nodes/"), kvs, count, herd->revision, &herd->members, &bad) ==
                 LARDER_OK);
    harness_must(bad == 0);
    while (count > 0) {
        buf_fini(&values[--count]);
    }
}

/* The node hears what the membership is now. */
static inline void beast_hear(struct beast *b) {
    harness_must(keeper_set_membership(b->keeper, b->herd->members, b->incarnation, false, clock_monotonic_ns()) ==
                 LARDER_OK);
    keeper_set_authority(b->keeper, clock_monotonic_ns(), clock_monotonic_ns());
    beast_begin(b);
}

/* The membership is what the beasts say; those that are not deaf hear of it. */
static inline void herd_change(struct herd *herd) {
    herd->revision++;
    herd_read(herd);
    for (size_t i = 0; i < HERD; i++) {
        if (!herd->beasts[i].deaf) {
            beast_hear(&herd->beasts[i]);
        }
    }
}

static inline void herd_join(struct herd *herd, size_t i) {
    herd->beasts[i].incarnation = herd->revision + 1;
    herd->beasts[i].leaving = false;
}

/* In place of the cluster's machine, by the linker's --wrap. */
void __wrap_cluster_refresh(struct cluster *c, struct cluster_wait *wait);
void __wrap_cluster_purge(struct cluster *c, struct cluster_wait *wait);

void __wrap_cluster_refresh(struct cluster *c, struct cluster_wait *wait) {
    wait->next = c->refreshes;
    c->refreshes = wait;
}

void __wrap_cluster_purge(struct cluster *c, struct cluster_wait *wait) {
    wait->next = c->purges;
    c->purges = wait;
}

static inline unsigned beast_group(const struct beast *b, const char *name) {
    const struct group_policy *policy = group_set_find_by_name(b->h.groups, slice_from_string(name));

    harness_must(policy != NULL || strcmp(name, "*") == 0);
    return policy != NULL ? policy->index : KEEPER_GROUPS;
}

static inline void beast_answer_waits(struct beast *b) {
    struct cluster_wait *wait = b->cluster.refreshes;

    b->cluster.refreshes = NULL;
    if (wait != NULL) {
        beast_hear(b);
    }
    for (struct cluster_wait *next; wait != NULL; wait = next) {
        next = wait->next;
        wait->reached = b->herd->members->revision >= wait->revision;
        wait->done(wait);
    }
    wait = b->cluster.purges;
    b->cluster.purges = NULL;
    for (struct cluster_wait *next; wait != NULL; wait = next) {
        next = wait->next;
        b->herd->revision++;
        for (size_t i = 0; i < HERD; i++) {
            struct beast *each = &b->herd->beasts[i];

            harness_must(keeper_purge(each->keeper, beast_group(each, wait->group), b->herd->revision) == LARDER_OK);
        }
        wait->recorded = wait->reached = true;
        wait->done(wait);
    }
}

static inline void herd_tick(void *ctx) {
    struct herd *herd = ctx;
    int64_t now_ns = clock_monotonic_ns();

    for (size_t i = 0; i < HERD; i++) {
        struct beast *b = &herd->beasts[i];

        beast_answer_waits(b);
        beast_begin(b);
        shared_worker_expire(&b->worker, now_ns);
        shared_worker_flush(&b->worker);
    }
    herd->reached = herd->until != NULL && herd->until(herd->until_ctx);
    if (herd->reached || now_ns >= herd->patience_ns) {
        loop_stop(herd->loop);
    }
}

/* Lets the nodes work until it is so. False: it was not in HERD_PATIENCE_MS. */
static inline bool herd_run_until(struct herd *herd, bool (*until)(void *ctx), void *ctx) {
    herd->until = until;
    herd->until_ctx = ctx;
    herd->patience_ns = clock_monotonic_ns() + HERD_PATIENCE_MS * CLOCK_NS_PER_MS;
    loop_run(herd->loop);
    return herd->reached;
}

/* --- beginning and end --- */

static inline void beast_init(struct herd *herd, struct beast *b, char id) {
    const struct keeper_config config = {
        .id = slice_make(b->id, 1), .lease_ns = HERD_LEASE_NS, .handoff_ns = HERD_HANDOFF_NS};
    const struct harness_config harness = {
        .memory = 64 << 20, .max_item = 4 << 20, .max_line = 64 << 10, .max_output = 256 << 10};
    struct peers_config peers = {.identity = &b->identity, .pending = 4096, .value = 8 << 20, .seed = (uint64_t)id};
    struct address address = {.kind = ADDRESS_IPV4};

    b->herd = herd;
    b->id[0] = id;
    harness_init(&b->h, &harness);
    b->h.node.start_ns = clock_monotonic_ns() - 100 * CLOCK_NS_PER_S;
    b->identity = (struct greeting_identity){.cluster = SLICE("t"), .id = slice_make(b->id, 1), .token = SLICE("x")};
    b->h.node.peer_identity = &b->identity;
    b->cluster = (struct cluster){.herd = herd, .beast = b};
    harness_must(keeper_new(&config, &b->keeper) == LARDER_OK);
    b->shared = (struct shared){
        .keeper = b->keeper, .cluster = &b->cluster, .start_ns = b->h.node.start_ns, .timeout_ns = HERD_TIMEOUT_NS};
    harness_must(shared_flights_new(&b->shared.flights) == LARDER_OK);
    b->worker.shared = &b->shared;
    b->worker.groups = &b->h.worker.context.groups;
    harness_must(peers_new(herd->loop, &peers, &b->worker.peers) == LARDER_OK &&
                 peers_new(herd->loop, &peers, &b->worker.asks) == LARDER_OK &&
                 peers_new(herd->loop, &peers, &b->worker.loads) == LARDER_OK);
    b->h.node.shared = &b->shared;
    b->h.worker.context.shared_worker = &b->worker;
    b->h.worker.context.completions = &b->h.worker.completions;
    b->mailbox = mailbox_new(herd->loop);
    b->completed.run = beast_completed;
    b->h.worker.completions.wake = beast_wake;
    b->h.worker.completions.ctx = b;
    b->h.worker.on_ready = beast_on_ready;
    strcpy(address.host, "127.0.0.1");
    harness_must(listener_open(herd->loop, &address, &beast_listener_ops, b, &b->listener) == LARDER_OK);
    snprintf(b->address, sizeof(b->address), "127.0.0.1:%u", (unsigned)listener_address(b->listener)->port);
}

/* From now on all keys are hot, and nodes keep copies of what they read of each other. */
static inline void herd_copy(struct herd *herd, int64_t lease_ns) {
    for (size_t i = 0; i < HERD; i++) {
        struct beast *b = &herd->beasts[i];
        const struct heat_config heat = {
            .sample = 1, .half_life_ns = CLOCK_NS_PER_S, .hot_per_s = 0.001, .seed = i + 1};
        const struct hot_node_config hot = {.table = &b->h.table,
                                            .keeper = b->keeper,
                                            .start_ns = b->h.node.start_ns,
                                            .lease_ns = lease_ns,
                                            .bytes = HOT_NODE_BYTES};

        harness_must(heat_new(&heat, clock_monotonic_ns(), &b->heat) == LARDER_OK &&
                     hot_node_new(&hot, &b->shared.hot) == LARDER_OK);
        b->worker.heat = b->heat;
        b->h.worker.context.heat = b->heat;
    }
}

/* What the nodes' workers do before they rest. */
static inline void herd_rest(void *ctx) {
    struct herd *herd = ctx;

    for (size_t i = 0; i < HERD; i++) {
        session_worker_run_ready(&herd->beasts[i].h.worker);
        shared_worker_flush(&herd->beasts[i].worker);
    }
}

static inline void herd_init(struct herd *herd) {
    memset(herd, 0, sizeof(*herd));
    herd->loop = loop_new();
    herd->timer = timer_new(herd->loop, herd_tick, herd);
    timer_start(herd->timer, HERD_TICK_MS * CLOCK_NS_PER_MS, HERD_TICK_MS * CLOCK_NS_PER_MS);
    for (size_t i = 0; i < HERD; i++) {
        beast_init(herd, &herd->beasts[i], (char)('a' + i));
    }
    loop_set_rest(herd->loop, herd_rest, herd);
}

static inline bool herd_is_quiet(void *ctx) {
    struct herd *herd = ctx;

    for (size_t i = 0; i < HERD; i++) {
        if (herd->beasts[i].wire_count > 0 || herd->beasts[i].worker.under_way > 0) {
            return false;
        }
    }
    return true;
}

static inline void herd_fini(struct herd *herd) {
    for (size_t i = 0; i < HERD; i++) {
        struct beast *b = &herd->beasts[i];

        listener_close(b->listener);
        for (struct wire *w = b->wires; w != NULL; w = w->next) {
            stream_close(&w->stream);
        }
    }
    harness_must(herd_run_until(herd, herd_is_quiet, herd));
    loop_set_rest(herd->loop, NULL, NULL);
    timer_free(herd->timer);
    for (size_t i = 0; i < HERD; i++) {
        struct beast *b = &herd->beasts[i];

        shared_worker_end(&b->worker);
        peers_free(b->worker.peers);
        peers_free(b->worker.asks);
        peers_free(b->worker.loads);
        mailbox_free(b->mailbox);
        b->h.worker.on_ready = NULL;
        harness_fini(&b->h);
        heat_free(b->heat);
        hot_node_free(b->shared.hot);
        shared_flights_free(b->shared.flights);
        keeper_free(b->keeper);
    }
    loop_free(herd->loop);
    membership_unref(herd->members);
}

/* --- clients --- */

static inline void herd_client(struct herd *herd, size_t i, struct client *c) {
    client_init(c, &herd->beasts[i].h);
}

static inline void herd_say(struct herd *herd, size_t i, struct client *c, const char *data, size_t size) {
    beast_begin(&herd->beasts[i]);
    client_say(c, data, size);
    shared_worker_flush(&herd->beasts[i].worker);
}

static inline bool client_is_answered(void *ctx) {
    struct client *c = ctx;

    return !session_is_waiting(&c->session) && !c->session.waiting && c->session.input.size == 0 &&
           !session_has_output(&c->session);
}

/* Who owns the key, as node `i` sees it. */
static inline char herd_owner(struct herd *herd, size_t i, const char *key) {
    const struct keeper_view *view = herd->beasts[i].worker.view;
    uint16_t owner = view->owners[ring_slot(slice_from_string(key))];

    return owner == RING_NOBODY ? '-' : view->members->members[owner].id.data[0];
}

/* The next key of this owner. */
static inline const char *herd_key(struct herd *herd, char owner, unsigned *at, char ret_key[16]) {
    do {
        snprintf(ret_key, 16, "k%u", (*at)++);
    } while (herd_owner(herd, 0, ret_key) != owner);
    return ret_key;
}

#endif
