/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_store.h"

#include "base/clock.h"
#include "daemon/node.h"
#include "daemon/node_cluster.h"
#include "store/local/local.h"

enum { WHY_MAX = 4096 /* bytes of the reason why the store cannot be opened */ };

static struct store *open_local(const struct options *o, struct buf *why) {
    const struct local_config config = {
        .directory = o->data_dir,
        .quota = o->store_quota,
        .history = (int64_t)o->store_history,
        .no_sync = !o->store_sync,
        .max_pending = (size_t)o->max_pending_writes,
        .max_watchers = (size_t)o->max_watchers,
        .now_ns = clock_monotonic_ns,
    };

    return local_open(&config, why);
}

static struct store *open_store(const struct options *o) {
    struct buf why;
    struct store *store;

    buf_init(&why, WHY_MAX);
    store = options_store_is_remote(o) ? node_cluster_open(o, &why) : open_local(o, &why);
    if (store == NULL) {
        log_error("cannot open the store", log_slice("reason", buf_slice(&why)));
    }
    buf_fini(&why);
    return store;
}

bool node_store_open(struct node *node) {
    struct cmd_node *shared = &node->shared;

    bool remote = options_store_is_remote(node->options);

    if (!remote && node->options->data_dir == NULL) {
        return true;
    }
    shared->store = open_store(node->options);
    if (shared->store == NULL) {
        return false;
    }
    shared->durable = durable_new(&(struct durable_config){
        .store = shared->store,
        .table = shared->table,
        .groups = node->groups,
        .start_ns = shared->start_ns,
        .now_ns = clock_monotonic_ns,
    });
    if (shared->durable == NULL) {
        log_error("cannot set up the durable groups: out of memory");
        return false;
    }
    if (remote) {
        log_info("the store is an etcd cluster", log_string("store", node->options->store));
        return true;
    }
    log_info("the store is open", log_string("data-dir", node->options->data_dir),
             log_number("revision", store_revision(shared->store)));
    return true;
}

/* A reply that one worker takes in may let another's go on. */
static void settle(struct node *node) {
    bool any;

    do {
        any = false;
        for (unsigned i = 0; i < node->started; i++) {
            any = worker_settle(&node->workers[i]) || any;
        }
    } while (any);
}

void node_store_close(struct node *node) {
    if (node->shared.store != NULL) {
        for (unsigned i = 0; i < node->started; i++) {
            worker_end_watches(&node->workers[i]);
        }
        settle(node); /* what slow work has opened there is closed */
        store_close(node->shared.store);
        settle(node);
        node->shared.store = NULL;
    }
}

void node_store_free(struct node *node) {
    durable_free(node->shared.durable);
}
