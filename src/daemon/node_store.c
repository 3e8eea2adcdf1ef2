/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_store.h"

#include "base/clock.h"
#include "daemon/node.h"
#include "daemon/node_cluster.h"
#include "daemon/node_near.h"
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

static struct store *open_remote(struct node *node, struct buf *why) {
    struct store *store;

    node->near = node_near_new(node->groups);
    if (node->near == NULL) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    store = node_cluster_open(node->options, node->near, why);
    node->shared.cluster = store != NULL ? near_cluster(store) : NULL;
    return store;
}

static struct store *open_store(struct node *node) {
    const struct options *o = node->options;
    struct buf why;
    struct store *store;

    buf_init(&why, WHY_MAX);
    store = options_store_is_remote(o) ? open_remote(node, &why) : open_local(o, &why);
    if (store == NULL) {
        log_error("cannot open the store", log_slice("reason", buf_slice(&why)));
    }
    buf_fini(&why);
    return store;
}

/* What is said for nothing, because all keys are at hand anyway. */
static void warn_of_idle(const struct options *o) {
    for (size_t i = 0; i < o->group_count; i++) {
        const struct group_policy *group = &o->groups[i];

        if (group->mirror || !group->near) {
            log_warn("this has no effect with a store of the node's own", log_string("group", group->name),
                     log_string("option", group->mirror ? "mirror" : "near"));
        }
    }
}

bool node_store_open(struct node *node) {
    struct cmd_node *shared = &node->shared;

    bool remote = options_store_is_remote(node->options);

    if (!remote && node->options->data_dir == NULL) {
        return true;
    }
    shared->store = open_store(node);
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
    if (!remote) {
        warn_of_idle(node->options);
    } else {
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
        node->shared.cluster = NULL;
    }
}

void node_store_free(struct node *node) {
    durable_free(node->shared.durable);
    node_near_free(node->near);
}
