/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/keeper_internal.h"

/* The stream of renewals. Of one lease at most one is under way; answers are told apart by the lease's number, and where it
 * is kept twice, by their order. */

void keeper_stream_distrust(struct etcd_keeper *keeper, const char *why) {
    if (keeper->open) {
        keeper->open = false;
        etcd_stream_distrust(keeper->stream, why);
    }
}

void keeper_stream_ask(struct etcd_kept *kept, int64_t now_ns) {
    struct etcd_keeper *keeper = kept->keeper;
    Etcdserverpb__LeaseKeepAliveRequest request = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;

    request.id = kept->lease;
    if (!etcd_stream_send(keeper->stream, &request.base)) {
        keeper_stream_distrust(keeper, "the renewal of a lease could not be sent");
        return;
    }
    kept->asked_ns = now_ns;
    kept->asked_at = ++keeper->asked;
}

/* --- answers --- */

/* The one of that number that was asked for first. NULL: nobody waits for it. */
static struct etcd_kept *asked_first(struct etcd_keeper *keeper, int64_t lease) {
    struct etcd_kept *kept = keeper->buckets[(uint64_t)lease % KEEPER_BUCKETS];
    struct etcd_kept *found = NULL;

    for (; kept != NULL; kept = kept->next_in_bucket) {
        if (kept->lease == lease && kept->asked_at != 0 && (found == NULL || kept->asked_at < found->asked_at)) {
            found = kept;
        }
    }
    return found;
}

static void take_answer(struct etcd_keeper *keeper, const Etcdserverpb__LeaseKeepAliveResponse *r) {
    struct etcd_kept *kept = asked_first(keeper, r->id);

    if (kept == NULL) {
        return; /* it was let go of meanwhile */
    }
    kept->asked_at = 0;
    if (r->ttl <= 0) {
        keeper_end(kept);
        return;
    }
    kept->alive_ns = kept->asked_ns;
    kept->ttl = r->ttl;
    /* An answer that took longer than the time it gives is late: whether the lease lives now is still not known. */
    if (keeper_end_ns(kept) > keeper->heard_ns) {
        kept->over = false;
        if (kept->events.on_alive != NULL) {
            kept->events.on_alive(kept->ctx, kept->asked_ns, r->ttl);
        }
    }
}

static bool is_of_cluster(const struct etcd_keeper *keeper, const Etcdserverpb__ResponseHeader *header) {
    uint64_t cluster_id = etcd_client_cluster_id(keeper->client);

    return cluster_id == 0 || header->cluster_id == 0 || header->cluster_id == cluster_id;
}

/* --- the stream's events --- */

static void on_open(void *ctx) {
    struct etcd_keeper *keeper = ctx;
    int64_t now_ns = keeper_now(keeper);

    keeper->open = true;
    keeper->heard_ns = now_ns;
    for (struct etcd_kept *kept = keeper->first; kept != NULL && keeper->open; kept = kept->next) {
        keeper_stream_ask(kept, now_ns);
    }
}

static void on_message(void *ctx, struct slice bytes) {
    struct etcd_keeper *keeper = ctx;
    const Etcdserverpb__LeaseKeepAliveResponse *r;

    if (!keeper->open) {
        return;
    }
    arena_reset(&keeper->arena);
    r = (const void *)etcd_message_unpack(&etcdserverpb__lease_keep_alive_response__descriptor, bytes, &keeper->arena);
    if (r == NULL || r->header == NULL) {
        keeper_stream_distrust(keeper, "the renewal of a lease has an answer that cannot be read");
    } else if (!is_of_cluster(keeper, r->header)) {
        keeper_stream_distrust(keeper, "the renewal of a lease has the answer of another cluster");
    } else {
        keeper->heard_ns = keeper_now(keeper);
        etcd_client_note_revision(keeper->client, r->header->revision);
        take_answer(keeper, r);
    }
}

static void on_lost(void *ctx, enum store_status status, struct slice text) {
    struct etcd_keeper *keeper = ctx;

    (void)status;
    (void)text;           /* the client has both in its member's trouble */
    keeper->open = false; /* what was asked for in this call is asked for again in the next */
}

static const struct etcd_stream_events stream_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_lost = on_lost,
};

bool keeper_stream_open(struct etcd_keeper *keeper) {
    keeper->stream = etcd_stream_open(keeper->client, ETCD_METHOD_LEASE_KEEP_ALIVE, &stream_events, keeper);
    return keeper->stream != NULL;
}

void keeper_stream_close(struct etcd_keeper *keeper) {
    etcd_stream_close(keeper->stream);
    keeper->stream = NULL;
    keeper->open = false;
}
