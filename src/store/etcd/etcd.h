/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_ETCD_H
#define LARDER_STORE_ETCD_ETCD_H

#include "net/tls.h"
#include "store/etcd/client.h"
#include "store/etcd/watch.h"

/* The engine whose store is an etcd cluster. It has one thread with a loop, on which the client lives; calls are handed to it
 * and end there. Nothing is kept here: reads and writes go to the cluster, each on its own.
 *
 * Other than the embedded engine, it can be without its store for a while. It opens at once, and what is asked meanwhile
 * waits until its deadline; so it tells of its state by etcd_store_look. store_observe is false: no copy is told of
 * changes. A watcher that falls behind is paused and goes on later, so nobody waits for it. */

/* Something to be done on the engine's thread. */
struct etcd_errand {
    struct etcd_errand *next; /* the engine's own, while it has the errand */
    void (*run)(struct store *s, struct etcd_errand *errand);
};

/* Somebody who lives on the engine's thread. */
struct etcd_guest {
    /* After each turn of errands, at the time of etcd_store_wake_at, and at that of other guests. */
    void (*run)(void *ctx);
    /* The thread ends: the last moment for all that needs the client, whose requests end afterwards. */
    void (*end)(void *ctx);
    void *ctx;

    /* The engine's own. */
    int64_t wake_ns;
    struct etcd_guest *next;
};

struct etcd_store_config {
    struct etcd_client_config client;
    struct tls_files tls;
    bool has_tls;
    size_t max_pending; /* calls under way; more end with TOO_MANY_REQUESTS */
    size_t max_watchers;
};

/* NULL: `why` has a sentence for people (a certificate that cannot be read, no memory). */
struct store *etcd_store_open(const struct etcd_store_config *config, struct buf *why);

/* As of a moment ago; any thread. */
struct etcd_store_look {
    bool ready;
    char trouble[ETCD_MEMBER_TEXT_MAX]; /* if it is not ready */
    uint64_t cluster_id;                /* 0: not known yet */
    uint64_t member_id;                 /* of the member in use; 0 likewise */
    size_t member_count;
    struct etcd_member members[ETCD_MEMBERS_MAX];
    struct etcd_figures figures;
};

/* As store_watch_open's *ret_revision: the highest that is known, 0 if none is yet. A watch that is to start from now starts
 * behind it, so it may also tell of what happened a moment before. */

/* Whether the store is such a one; if so, how it is. *ret_look is large: not for a small stack. */
bool etcd_store_look(struct store *s, struct etcd_store_look *ret_look);

/* The same in short: whether the cluster can be used, and if not, why. True of any other engine. */
bool etcd_store_is_ready(struct store *s, char ret_trouble[ETCD_MEMBER_TEXT_MAX]);

/* What is known of the cluster at this moment; lives as long as the store. NULL: another engine. Any thread. */
const struct etcd_facts *etcd_store_facts(const struct store *s);

/* --- requests that are no operation of a store --- */

/* A request that is handed on to the cluster as it is, and its answer back. */
struct etcd_forward {
    /* Filled in as for etcd_client_ask, but for done, owner and member; deadline_ns 0: the store's own time, or, of a slow one,
     * ETCD_FORWARD_SLOW_NS. The answer is in it. */
    struct etcd_ask ask;
    bool to_leader; /* if it is known who leads, else to the member in use */
    /* Once: on the engine's thread, or from inside etcd_store_forward. */
    void (*done)(struct etcd_forward *forward);

    struct etcd_errand errand; /* the engine's own, as the next is */
    struct store *store;
};

#define ETCD_FORWARD_SLOW_NS (600 * CLOCK_NS_PER_S)

void etcd_forward_init(struct etcd_forward *forward);
void etcd_forward_fini(struct etcd_forward *forward);

/* `s` is such a store. `forward`, its request and its token stay in place until it is done. Any thread. */
void etcd_store_forward(struct store *s, struct etcd_forward *forward);

/* How the answered request is to end for whoever asked: what the cluster has said, word for word, if it was the cluster that
 * ended it. False: it was not, and ask.status says why. */
bool etcd_forward_end(const struct etcd_forward *forward, enum grpc_status *ret_status, struct slice *ret_text);

/* Writes that were put together, and the transactions they became (of two and more). False: another engine. Any thread. */
bool etcd_store_merged(const struct store *s, uint64_t *ret_transactions, uint64_t *ret_writes);

/* --- for a guest --- */

/* Any thread; errands of one thread are run in the order they are posted. After etcd_store_close has begun it is run all the
 * same, and finds no client. */
void etcd_store_post(struct store *s, struct etcd_errand *errand);

/* The others on the engine's thread alone. Added by an errand, or before the first is posted; `guest` outlives the store. The one
 * that was added last is the first to end. */
void etcd_store_add_guest(struct store *s, struct etcd_guest *guest);

/* As store_submit, at once; `done` may be called from inside. */
void etcd_store_submit_here(struct store *s, struct store_call *call);

/* Revisions have gone back: the highest that is known is the one that is heard of next. */
void etcd_store_forget_revision(struct store *s);

/* When guest->run shall be called, at the latest; the newest wish of each guest alone counts. INT64_MAX: never. */
void etcd_store_wake_at(struct store *s, struct etcd_guest *guest, int64_t at_ns);

/* NULL: the engine has ended. */
struct etcd_client *etcd_store_client(struct store *s);
struct etcd_watches *etcd_store_watches(struct store *s);

#endif
