/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/kept.h"

#include <assert.h>
#include <unistd.h>

#include "library/etcd/call.h"
#include "library/etcd/line.h"
#include "library/etcd/watch.h"
#include "library/memory.h"

/* --- on the engine's thread --- */

static void on_alive(void *ctx, int64_t asked_ns, int64_t ttl) {
    struct larder_etcd_lease *lease = ctx;

    atomic_store(&lease->end_ns, asked_ns + ttl * CLOCK_NS_PER_S);
}

/* It may come back when its time has passed here alone, but whoever was told cannot take that back: so it is let go of. */
static void on_over(void *ctx, bool certain) {
    struct larder_etcd_lease *lease = ctx;

    (void)certain;
    etcd_kept_free(lease->kept);
    lease->kept = NULL;
    atomic_store(&lease->lost, true);
    flag_raise(lease->fd);
    place_raise_flags(lease);
    if (lease->on_lost != NULL) {
        lease->on_lost(lease->ctx, lease->id);
    }
}

/* Begins or ends to keep it. */
struct keeping {
    struct waited_errand errand; /* first */
    struct larder_etcd_lease *lease;
    int64_t granted_ns;
    int64_t ttl;
};

static void run_keeping(struct store *store, struct etcd_errand *errand) {
    static const struct etcd_kept_events events = {.on_alive = on_alive, .on_over = on_over};
    struct keeping *k = (struct keeping *)(void *)errand;
    struct etcd_keeper *keeper = client_keeper(k->lease->client);

    (void)store;
    if (keeper != NULL) {
        k->lease->kept = etcd_keeper_keep(keeper, k->lease->id, k->ttl, k->granted_ns, &events, k->lease);
    }
    waiter_end(&k->errand.waiter);
}

static void run_letting_go(struct store *store, struct etcd_errand *errand) {
    struct keeping *k = (struct keeping *)(void *)errand;

    (void)store;
    etcd_kept_free(k->lease->kept);
    k->lease->kept = NULL;
    waiter_end(&k->errand.waiter);
}

/* --- on any --- */

static void release(struct larder_etcd_lease *lease) {
    close(lease->fd);
    pthread_mutex_destroy(&lease->lock);
    memory_free(&lease->client->allocator, lease);
}

static struct larder_etcd_lease *make(struct larder_etcd *client, larder_etcd_lost_fn *on_lost, void *ctx,
                                      enum larder_status *ret_status) {
    struct larder_etcd_lease *lease = memory_new(&client->allocator, sizeof(*lease));

    *ret_status = LARDER_ERR_NO_MEMORY;
    if (lease == NULL) {
        return NULL;
    }
    lease->client = client->root;
    lease->on_lost = on_lost;
    lease->ctx = ctx;
    lease->fd = flag_open();
    if (lease->fd < 0) {
        *ret_status = LARDER_ERR_SYSTEM;
        memory_free(&client->allocator, lease);
        return NULL;
    }
    pthread_mutex_init(&lease->lock, NULL);
    return lease;
}

/* Has it granted, or renewed: then it has its time from when that was asked for. */
static enum larder_status ask(struct larder_etcd_lease *lease, int64_t ttl_s, int64_t id, struct keeping *ret_keeping,
                              char *ret_message) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status;

    *ret_keeping = (struct keeping){.lease = lease, .granted_ns = clock_monotonic_ns()};
    status = id == 0 ? larder_etcd_lease_grant(lease->client, ttl_s, 0, &result)
                     : larder_etcd_lease_renew(lease->client, id, &result);
    if (status == LARDER_NOT_FOUND || (status == LARDER_DONE && result.answer.ttl <= 0)) {
        status = call_fail(&result, LARDER_ERR_NO_LEASE, larder_strerror(LARDER_ERR_NO_LEASE));
    }
    client_say(ret_message, status, result.message);
    ret_keeping->ttl = result.answer.ttl;
    lease->id = result.answer.lease;
    larder_etcd_result_free(&result);
    return status;
}

static enum larder_status begin(struct larder_etcd_lease *lease, struct keeping *keeping) {
    atomic_store(&lease->end_ns, keeping->granted_ns + keeping->ttl * CLOCK_NS_PER_S);
    waiter_run(lease->client->cluster, &keeping->errand, run_keeping);
    if (lease->kept != NULL || atomic_load(&lease->lost)) {
        return LARDER_DONE;
    }
    (void)larder_etcd_lease_revoke(lease->client, lease->id, NULL); /* else it runs out */
    return LARDER_ERR_NO_MEMORY;
}

enum larder_status larder_etcd_lease_keep(struct larder_etcd *client, int64_t ttl_s, int64_t lease,
                                          larder_etcd_lost_fn *on_lost, void *ctx, struct larder_etcd_lease **ret_lease,
                                          char ret_message[LARDER_MESSAGE_MAX]) {
    struct larder_etcd_lease *made;
    struct keeping keeping;
    enum larder_status status;

    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    made = make(client, on_lost, ctx, &status);
    if (made == NULL) {
        return client_say(ret_message, status, larder_strerror(status));
    }
    status = ask(made, ttl_s, lease, &keeping, ret_message);
    if (status == LARDER_DONE) {
        status = begin(made, &keeping);
        client_say(ret_message, status, larder_strerror(status));
    }
    if (status != LARDER_DONE) {
        release(made);
        return status;
    }
    *ret_lease = made;
    return LARDER_DONE;
}

int64_t larder_etcd_lease_id(const struct larder_etcd_lease *lease) {
    return lease->id;
}

int larder_etcd_lease_fd(const struct larder_etcd_lease *lease) {
    return lease->fd;
}

enum larder_status larder_etcd_lease_status(const struct larder_etcd_lease *lease) {
    if (client_is_foreign(lease->client)) {
        return LARDER_ERR_FORKED;
    }
    return atomic_load(&lease->lost) || clock_monotonic_ns() >= atomic_load(&lease->end_ns) ? LARDER_ERR_LOST
                                                                                            : LARDER_DONE;
}

void larder_etcd_lease_free(struct larder_etcd_lease *lease) {
    struct keeping keeping = {.lease = lease};

    if (lease == NULL) {
        return;
    }
    if (!client_is_foreign(lease->client)) {
        assert(lease->places == NULL && "a lock or a leadership still hangs on the lease");
        waiter_run(lease->client->cluster, &keeping.errand, run_letting_go);
    }
    release(lease);
}

enum larder_status larder_etcd_lease_end(struct larder_etcd_lease *lease, char ret_message[LARDER_MESSAGE_MAX]) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status = larder_etcd_lease_revoke(lease->client, lease->id, &result);

    client_say(ret_message, status, result.message);
    larder_etcd_result_free(&result);
    larder_etcd_lease_free(lease);
    return status;
}
