/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/internal.h"

/* Requests that are handed on to the cluster as they are. */

void etcd_forward_init(struct etcd_forward *forward) {
    *forward = (struct etcd_forward){0};
    etcd_ask_init(&forward->ask);
}

void etcd_forward_fini(struct etcd_forward *forward) {
    etcd_ask_fini(&forward->ask);
}

static void end_at_once(struct etcd_forward *forward, enum store_status status) {
    forward->ask.status = status;
    forward->ask.error = ETCD_OK;
    forward->ask.grpc = GRPC_OK;
    forward->ask.response = NULL;
    forward->done(forward);
}

static void on_done(struct etcd_ask *ask) {
    struct etcd_forward *forward = ask->owner;

    atomic_fetch_sub_explicit(&etcd_store_of(forward->store)->waiting, 1, memory_order_relaxed);
    forward->done(forward);
}

static int leader_of(const struct etcd_client *client) {
    for (size_t i = 0; i < etcd_client_member_count(client); i++) {
        struct etcd_member member;

        etcd_client_member(client, i, &member);
        if (member.leader && member.health == ETCD_HEALTH_GOOD) {
            return (int)i;
        }
    }
    return ETCD_ANY_MEMBER;
}

static void run(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_forward *forward =
        (struct etcd_forward *)(void *)((char *)errand - offsetof(struct etcd_forward, errand));

    if (s->driver == NULL) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        end_at_once(forward, STORE_CLOSED);
        return;
    }
    if (forward->to_leader) {
        forward->ask.member = leader_of(etcd_driver_client(s->driver));
    }
    etcd_client_ask(etcd_driver_client(s->driver), &forward->ask);
}

/* As of an operation, a caller may have less time than the store allows, but not more; what is slow has more. */
static int64_t deadline_of(const struct etcd_store *s, const struct etcd_ask *ask) {
    int64_t own = clock_monotonic_ns() + (ask->is_slow ? ETCD_FORWARD_SLOW_NS : s->request_timeout_ns);

    return ask->deadline_ns != 0 && ask->deadline_ns < own ? ask->deadline_ns : own;
}

void etcd_store_forward(struct store *store, struct etcd_forward *forward) {
    struct etcd_store *s = etcd_store_of(store);

    if (atomic_load(&s->closing)) {
        end_at_once(forward, STORE_CLOSED);
        return;
    }
    if (atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed) >= s->max_pending) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        end_at_once(forward, STORE_TOO_MANY_REQUESTS);
        return;
    }
    forward->store = store;
    forward->errand.run = run;
    forward->ask.deadline_ns = deadline_of(s, &forward->ask);
    forward->ask.done = on_done;
    forward->ask.owner = forward;
    etcd_store_post(store, &forward->errand);
}

bool etcd_forward_end(const struct etcd_forward *forward, enum grpc_status *ret_status, struct slice *ret_text) {
    const struct etcd_ask *ask = &forward->ask;

    if (ask->grpc == GRPC_OK || ask->status == STORE_TIMEOUT || ask->status == STORE_CLOSED) {
        return false;
    }
    *ret_status = ask->grpc;
    *ret_text = ask->text;
    return true;
}
