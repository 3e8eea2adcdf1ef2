/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "group/shared_op.h"

/* Hot copies (ring/hot_copies.h) on their way: how this node answers with those that it has of other nodes' keys, and how it
 * takes back those that it has given. */

/* --- the holder --- */

/* Who wants no copy, or to see more of the entry than a copy knows, asks the owner. The life of an origin's answer is in the answer
 * itself, and what HTTP says to caches is for the owner to judge. */
bool shared_may_copy(const struct group_policy *policy, const struct request *request) {
    const struct freshness *freshness =
        (request->options & REQUEST_FRESHNESS) != 0 ? &request->freshness : &policy->freshness;

    return request->command == COMMAND_GET && request->peer == NULL && request->conditions == NULL &&
           (request->options & ~MEMORY_COPIED_OPTIONS) == 0 &&
           (group_policy_is_origin(policy) ? freshness->kind == FRESHNESS_CACHED
                                           : freshness->kind != FRESHNESS_LINEARIZABLE) &&
           (request->caching == NULL || request->caching->words == 0);
}

static void show(const struct hot_value *value, struct shard *s, struct reply *reply) {
    reply->result = RESULT_HIT;
    reply->item.value = value->value;
    reply->item.blob = (struct blob *)(uintptr_t)&value->blob;
    reply->item.cas = value->cas;
    reply->item.client_flags = value->client_flags;
    reply->item.head_size = value->head_size;
    reply->held = s;
    reply->release = memory_unlock_held;
}

/* The shard stays locked until the reply is released, as with an entry of the table. */
static bool answer(const struct shared_access *a, const struct request *request, uint64_t hash, struct reply *reply) {
    struct shared_worker *w = a->worker;
    struct shard *s = table_lock(a->memory.table, hash);
    const struct hot_value *value = hot_node_find(w->shared->hot, request->key, hash, w->view, a->now_ns);

    if (value == NULL) {
        table_unlock(s);
        return false;
    }
    show(value, s, reply);
    if (!group_policy_is_origin(a->memory.policy)) {
        return true;
    }
    reply->source = REPLY_ORIGIN_HIT;
    if (!origin_take_answer(w->origin->origin, reply)) { /* what the other node has said was not what it meant */
        reply_release(reply);
        *reply = (struct reply){.group = reply->group};
        return false;
    }
    return true;
}

enum shared_copy shared_copy_find(const struct shared_access *a, const struct request *request, struct reply *reply) {
    const struct shared_worker *w = a->worker;
    struct hot_node *hot = w->shared->hot;
    uint64_t hash;

    if (hot == NULL || !shared_may_copy(a->memory.policy, request)) {
        return SHARED_COPY_UNWANTED;
    }
    hash = table_hash(a->memory.table, request->key);
    if (hot_node_has_copies(hot, hash) && answer(a, request, hash, reply)) {
        return SHARED_COPY_SHOWN;
    }
    return w->view->self != RING_NOBODY && w->heat != NULL && heat_is_hot(w->heat, hash) ? SHARED_COPY_WANTED
                                                                                         : SHARED_COPY_UNWANTED;
}

void shared_copy_asked(struct shared_copy_asked *asked, const struct keeper_view *view, uint16_t member,
                       int64_t now_ns) {
    *asked = (struct shared_copy_asked){
        .sent_ns = now_ns,
        .serial = view->serial,
        .owner = view->members->members[member].incarnation,
    };
}

void shared_copy_put(struct shared_worker *w, const struct table *table, const struct shared_copy_asked *asked,
                     struct slice key, const struct reply *answered, const struct reply *reply) {
    /* A large value has just been given memory of its own, which is shared. */
    struct hot_value *value;
    struct item item = answered->item;
    struct blob *backing = reply->item.blob;

    if (asked->sent_ns == 0 || answered->copy_ns == 0 || w->ended || w->view == NULL) {
        return;
    }
    if (backing != NULL) {
        item.value = reply->item.value;
    }
    value = hot_value_new(&item, backing);
    if (value != NULL) {
        const struct hot_copy copy = {
            .key = key,
            .hash = table_hash(table, key),
            .owner = asked->owner,
            .sent_ns = asked->sent_ns,
            .lease_ns = answered->copy_ns,
            .serial = asked->serial,
            .value = &value->blob,
            .bytes = sizeof(*value) + item.value.size,
        };

        hot_node_put(w->shared->hot, &copy, w->view);
        blob_unref(&value->blob);
    }
}

void shared_copy_revoked(const struct shared_access *a, const struct request *request, struct reply *reply) {
    struct hot_node *hot = a->worker->shared->hot;
    uint64_t hash = table_hash(a->memory.table, request->key);

    /* A node that has none never has one; and one that cannot note that this came says so. */
    reply->result = hot == NULL || hot_node_revoke(hot, request->key, hash) ? RESULT_MISS : RESULT_NO_MEMORY;
}

/* --- the owner --- */

/* An order on its way to a holder. */
struct order {
    struct shared_worker *worker;
    uint64_t hash;
    struct hot_revocation revocation;
    size_t key_size;
    char key[];
};

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    struct order *order = ctx;

    if (error == LARDER_OK && answer->reply.result == RESULT_MISS) {
        hot_node_answered(order->worker->shared->hot, slice_make(order->key, order->key_size), order->hash,
                          order->revocation.holder, order->revocation.number);
    }
    free(order);
}

/* The index of the member of that incarnation; RING_NOBODY: there is none. */
static uint16_t member_of(const struct keeper_view *view, int64_t incarnation) {
    for (size_t i = 0; i < view->members->count; i++) {
        if (view->members->members[i].incarnation == incarnation) {
            return (uint16_t)i;
        }
    }
    return RING_NOBODY;
}

/* Over the link on which nothing is waited for, and to be answered before what does wait there. */
static void send_order(struct shared_worker *w, struct order *order, int64_t deadline_ns) {
    uint16_t member = member_of(w->view, order->revocation.holder);
    struct peer_stamp stamp = keeper_stamp(w->view, false);
    const struct request request = {
        .command = COMMAND_GET,
        .options = REQUEST_OUT_OF_TURN,
        .key = slice_make(order->key, order->key_size),
        .deadline_ns = deadline_ns,
        .peer = &stamp,
    };

    stamp.revoke = order->revocation.number;
    if (member == RING_NOBODY || member == w->view->self ||
        peers_submit(w->asks, member, &request, on_answer, order) != LARDER_OK) {
        free(order);
    }
}

void shared_revoke(struct shared_worker *w, struct slice key, const struct hot_change *change,
                   const struct hot_revocations *revocations) {
    for (size_t i = 0; i < revocations->count && !w->ended && w->view != NULL; i++) {
        struct order *order = malloc(sizeof(*order) + key.size);

        if (order == NULL) {
            return; /* their leases run out */
        }
        order->worker = w;
        order->hash = change->hash;
        order->revocation = revocations->list[i];
        order->key_size = key.size;
        memcpy(order->key, key.data, key.size);
        send_order(w, order, change->writer.until_ns);
    }
}
