/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_pools.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cluster/pool_member.h"
#include "daemon/node.h"
#include "ring/groupcache_current.h"

struct part {
    struct node_pools *pools;
    struct pool_member *member;
    struct groupcache_current *current; /* borrowed of the options, which outlive this */
};

struct node_pools {
    struct node *node;
    struct timer *timer;
    struct mailbox_message message;
    atomic_bool waking;
    void (*left)(struct node *node); /* NULL: it is not leaving */
    size_t count;
    struct part parts[];
};

static bool have_left(const struct node_pools *pools) {
    for (size_t i = 0; i < pools->count; i++) {
        if (!pool_member_has_left(pools->parts[i].member)) {
            return false;
        }
    }
    return true;
}

static void tick(void *ctx) {
    struct node_pools *pools = ctx;
    int64_t now_ns = clock_monotonic_ns(), due_ns = INT64_MAX;

    for (size_t i = 0; i < pools->count; i++) {
        int64_t part_ns = pool_member_tick(pools->parts[i].member, now_ns);

        due_ns = part_ns < due_ns ? part_ns : due_ns;
    }
    if (due_ns < INT64_MAX) {
        timer_start(pools->timer, due_ns > now_ns ? due_ns - now_ns : 0, 0);
    }
    if (pools->left != NULL && have_left(pools)) {
        void (*left)(struct node *) = pools->left;

        pools->left = NULL;
        left(pools->node);
    }
}

static void run_wake(struct mailbox_message *message) {
    struct node_pools *pools = (struct node_pools *)(void *)((char *)message - offsetof(struct node_pools, message));

    atomic_store(&pools->waking, false);
    tick(pools);
}

static void wake_pools(struct node_pools *pools) {
    if (!atomic_exchange(&pools->waking, true)) {
        mailbox_post(pools->node->mailbox, &pools->message);
    }
}

/* Any thread. */
static void wake(void *ctx) {
    const struct part *part = ctx;

    wake_pools(part->pools);
}

static void on_pool(void *ctx, struct groupcache_pool *pool) {
    const struct part *part = ctx;

    groupcache_current_set(part->current, pool);
}

/* --- making it --- */

static bool is_found_in_store(const struct group_policy *group) {
    return group->origin.pool != NULL && group->origin.prefix_size > 0;
}

static bool add(struct node_pools *pools, const struct group_policy *group) {
    struct part *part = &pools->parts[pools->count];
    const struct pool_member_config config = {
        .group = group_policy_name(group),
        .prefix = group_pool_prefix(group),
        .self = group_pool_self(group),
        .replicas = group->origin.replicas,
        .store = pools->node->shared.store,
        .wake = wake,
        .on_pool = on_pool,
        .ctx = part,
    };

    part->pools = pools;
    part->current = group->origin.pool;
    if (pool_member_new(&config, &part->member) != LARDER_OK) {
        return false;
    }
    pools->count++;
    return true;
}

static bool make(struct node *node, size_t count) {
    const struct options *o = node->options;
    struct node_pools *pools = calloc(1, sizeof(*pools) + count * sizeof(pools->parts[0]));

    if (pools == NULL) {
        return false;
    }
    node->pools = pools;
    pools->node = node;
    pools->message.run = run_wake;
    pools->timer = timer_new(node->loop, tick, pools);
    for (size_t i = 0; i < o->group_count; i++) {
        if (is_found_in_store(&o->groups[i]) && !add(pools, &o->groups[i])) {
            return false;
        }
    }
    return pools->timer != NULL;
}

bool node_pools_open(struct node *node) {
    const struct options *o = node->options;
    size_t count = 0;

    for (size_t i = 0; i < o->group_count; i++) {
        count += is_found_in_store(&o->groups[i]);
    }
    if (count > 0 && !make(node, count)) {
        log_error("cannot start: out of memory");
        return false;
    }
    return true;
}

void node_pools_start(struct node *node) {
    if (node->pools != NULL) {
        wake_pools(node->pools);
    }
}

bool node_pools_leave(struct node *node, void (*done)(struct node *node)) {
    struct node_pools *pools = node->pools;

    if (pools == NULL) {
        return false;
    }
    pools->left = done;
    for (size_t i = 0; i < pools->count; i++) {
        pool_member_leave(pools->parts[i].member, clock_monotonic_ns());
    }
    wake_pools(pools);
    return true;
}

/* --- the end --- */

void node_pools_stop(struct node *node) {
    for (size_t i = 0; node->pools != NULL && i < node->pools->count; i++) {
        pool_member_stop(node->pools->parts[i].member);
    }
}

void node_pools_end(struct node *node) {
    if (node->pools != NULL) {
        for (size_t i = 0; i < node->pools->count; i++) {
            pool_member_free(node->pools->parts[i].member);
        }
        node->pools->count = 0;
    }
}

void node_pools_free(struct node *node) {
    if (node->pools != NULL) {
        timer_free(node->pools->timer);
        free(node->pools);
        node->pools = NULL;
    }
}
