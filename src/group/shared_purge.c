/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "group/shared.h"

/* A purge that somebody waits for. */
struct purge {
    struct pending pending; /* first */
    struct shared *shared;
    struct cluster_wait wait;
};

static struct purge *purge_of(struct pending *p) {
    return (struct purge *)(void *)p;
}

static void free_purge(struct pending *p) {
    free(purge_of(p));
}

static void fill_wait(struct cluster_wait *wait, struct slice group, struct slice prefix, int64_t deadline_ns,
                      void (*done)(struct cluster_wait *wait)) {
    assert(group.size <= CLUSTER_NAME_MAX && prefix.size <= sizeof(wait->prefix));
    *wait = (struct cluster_wait){.deadline_ns = deadline_ns, .done = done, .is_purge = true};
    memcpy(wait->group, group.data, group.size);
    if (prefix.size > 0) {
        memcpy(wait->prefix, prefix.data, prefix.size);
        wait->prefix_size = prefix.size;
    }
}

/* On the control thread. */
static void on_purged(struct cluster_wait *wait) {
    struct purge *purge = (struct purge *)(void *)((char *)wait - offsetof(struct purge, wait));

    pending_post(&purge->pending);
}

static enum pending_next finish(struct pending *p) {
    struct purge *purge = purge_of(p);

    if (purge->wait.reached) {
        p->reply.result = RESULT_DONE;
    } else if (purge->wait.recorded) {
        p->reply.result = RESULT_NODES_MISSING;
        p->reply.item.value = slice_from_string(purge->wait.missing);
    } else {
        p->reply.result = RESULT_STORE_UNAVAILABLE;
    }
    return PENDING_DONE;
}

static enum pending_next begin(struct pending *p) {
    struct purge *purge = purge_of(p);

    p->step = finish;
    cluster_purge(purge->shared->cluster, &purge->wait);
    return PENDING_WAIT;
}

void shared_purge(const struct shared_access *a, struct slice group, struct slice prefix, int64_t deadline_ns,
                  struct reply *reply) {
    struct purge *purge = calloc(1, sizeof(*purge));

    if (purge == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    pending_init(&purge->pending, a->completions, NULL, begin, free_purge);
    purge->pending.reply.group = reply->group;
    purge->shared = a->worker->shared;
    fill_wait(&purge->wait, group, prefix, deadline_ns, on_purged);
    pending_start(&purge->pending, reply);
}

static void on_unattended(struct cluster_wait *wait) {
    if (!wait->recorded) {
        log_error("a purge that was due could not be recorded in the store, so nothing was purged",
                  log_string("group", wait->group));
    }
    free(wait);
}

void shared_purge_unattended(struct shared *shared, struct slice group) {
    struct cluster_wait *wait = malloc(sizeof(*wait));

    if (wait == NULL) {
        log_error("there is no memory for a purge that was due, so nothing was purged");
        return;
    }
    fill_wait(wait, group, SLICE(""), clock_monotonic_ns() + shared->timeout_ns, on_unattended);
    cluster_purge(shared->cluster, wait);
}
