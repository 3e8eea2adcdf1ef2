/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster_internal.h"

void wait_list_init(struct wait_list *list) {
    list->first = NULL;
    list->last = &list->first;
}

void wait_list_add(struct wait_list *list, struct cluster_wait *wait) {
    wait->next = NULL;
    *list->last = wait;
    list->last = &wait->next;
}

void wait_list_move(struct wait_list *to, struct wait_list *from) {
    if (from->first != NULL) {
        *to->last = from->first;
        to->last = from->last;
        wait_list_init(from);
    }
}

/* --- any thread --- */

static void arrive(struct cluster *c, struct cluster_wait *wait, bool is_purge) {
    void (*wake)(void *) = c->config.wake;
    void *ctx = c->config.ctx;

    wait->reached = false;
    wait->recorded = false;
    wait->missing[0] = '\0';
    wait->is_purge = is_purge;
    pthread_mutex_lock(&c->lock);
    wait->next = c->arrived;
    c->arrived = wait;
    pthread_mutex_unlock(&c->lock);
    wake(ctx);
}

void cluster_refresh(struct cluster *c, struct cluster_wait *wait) {
    arrive(c, wait, false);
}

void cluster_purge(struct cluster *c, struct cluster_wait *wait) {
    arrive(c, wait, true);
}

/* --- the control thread --- */

static struct cluster_wait *turn_around(struct cluster_wait *wait) {
    struct cluster_wait *turned = NULL;

    while (wait != NULL) {
        struct cluster_wait *next = wait->next;

        wait->next = turned;
        turned = wait;
        wait = next;
    }
    return turned;
}

void cluster_wait_take(struct cluster *c) {
    struct cluster_wait *wait;

    pthread_mutex_lock(&c->lock);
    wait = c->arrived;
    c->arrived = NULL;
    pthread_mutex_unlock(&c->lock);
    wait = turn_around(wait);
    while (wait != NULL) {
        struct cluster_wait *next = wait->next;

        wait_list_add(wait->is_purge ? &c->to_purge : &c->fresh, wait);
        wait = next;
    }
}

void cluster_wait_end(struct cluster *c, struct wait_list *list,
                      bool (*is)(struct cluster *c, struct cluster_wait *wait)) {
    struct wait_list all;

    wait_list_init(&all);
    wait_list_move(&all, list);
    for (struct cluster_wait *wait = all.first, *next; wait != NULL; wait = next) {
        next = wait->next;
        if (is(c, wait)) {
            wait->reached = true;
            wait->done(wait);
        } else {
            wait_list_add(list, wait);
        }
    }
}

static bool is_known(struct cluster *c, struct cluster_wait *wait) {
    return wait->revision > 0 && c->members->revision >= wait->revision;
}

void cluster_wait_look(struct cluster *c) {
    cluster_wait_end(c, &c->fresh, is_known);
    cluster_wait_end(c, &c->asking, is_known);
}

static void expire(struct wait_list *list, int64_t now_ns) {
    struct wait_list all;

    wait_list_init(&all);
    wait_list_move(&all, list);
    for (struct cluster_wait *wait = all.first, *next; wait != NULL; wait = next) {
        next = wait->next;
        if (now_ns >= wait->deadline_ns) {
            wait->done(wait);
        } else {
            wait_list_add(list, wait);
        }
    }
}

void cluster_wait_expire(struct cluster *c, int64_t now_ns) {
    expire(&c->fresh, now_ns);
    expire(&c->asking, now_ns);
    expire(&c->to_purge, now_ns);
    expire(&c->purged, now_ns);
}

static int64_t earliest(const struct wait_list *list, int64_t least_ns) {
    for (const struct cluster_wait *wait = list->first; wait != NULL; wait = wait->next) {
        least_ns = wait->deadline_ns < least_ns ? wait->deadline_ns : least_ns;
    }
    return least_ns;
}

int64_t cluster_wait_deadline(const struct cluster *c) {
    int64_t least_ns = earliest(&c->fresh, INT64_MAX);

    least_ns = earliest(&c->asking, least_ns);
    least_ns = earliest(&c->to_purge, least_ns);
    return earliest(&c->purged, least_ns);
}
