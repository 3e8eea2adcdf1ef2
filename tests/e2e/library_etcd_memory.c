/* SPDX-License-Identifier: Apache-2.0 */
/* Lets each allocation fail in turn: an error follows, never an abort, and nothing is lost. */
#include <poll.h>
#include <stdatomic.h>

#include "library_etcd.h"

enum { ATTEMPTS_MAX = 1000, WAIT_MS = 20000 };

static atomic_int left;     /* allocations that are still granted */
static atomic_int standing; /* that were not given back */
static atomic_int refused;

static int grants(void) {
    if (atomic_fetch_sub(&left, 1) > 0) {
        return 1;
    }
    atomic_fetch_add(&refused, 1);
    return 0;
}

static void *allocate(void *ctx, size_t size) {
    void *memory = grants() ? malloc(size) : NULL;

    (void)ctx;
    atomic_fetch_add(&standing, memory != NULL);
    return memory;
}

static void *reallocate(void *ctx, void *old, size_t size) {
    void *memory = grants() ? realloc(old, size) : NULL;

    (void)ctx;
    atomic_fetch_add(&standing, memory != NULL && old == NULL);
    return memory;
}

static void release(void *ctx, void *memory) {
    (void)ctx;
    atomic_fetch_sub(&standing, 1);
    free(memory);
}

/* It is as it should be, or there was no memory. */
#define ALLOW(call, wanted)                                                                                            \
    do {                                                                                                               \
        enum larder_status status_ = (call);                                                                           \
                                                                                                                       \
        if (status_ != (wanted) && status_ != LARDER_ERR_NO_MEMORY) {                                                  \
            fprintf(stderr, "line %d: %d: %s\n", __LINE__, status_, result.message);                                   \
            failed = 1;                                                                                                \
        }                                                                                                              \
    } while (0)

static void try_watch(struct larder_etcd *client) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_span span = {.key = "m", .key_size = 1};
    struct larder_etcd_watch *watch = NULL;
    enum larder_status status;

    ALLOW(larder_etcd_watch_new(client, &span, NULL, &watch, result.message), LARDER_DONE);
    if (watch == NULL) {
        return;
    }
    EXPECT(larder_etcd_put(client, "m", 1, "2", 1, 0, NULL) == LARDER_STORED);
    do { /* what there was no memory for is told again */
        status = larder_etcd_watch_next(watch, WAIT_MS, &result);
        EXPECT(status == LARDER_DONE || status == LARDER_ERR_NO_MEMORY);
        if (status == LARDER_ERR_NO_MEMORY) {
            atomic_store(&left, ATTEMPTS_MAX);
        }
    } while (!failed && result.count == 0);
    larder_etcd_watch_free(watch);
    larder_etcd_events_free(&result);
}

static void try_lock(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_observer *observer = NULL;
    struct larder_etcd_lease *lease = NULL;
    struct larder_etcd_lock *lock = NULL;

    ALLOW(larder_etcd_lease_keep(client, 30, 0, NULL, NULL, &lease, result.message), LARDER_DONE);
    if (lease != NULL) {
        enum larder_status status = larder_etcd_lock_take(lease, "ml", 2, WAIT_MS, &lock, result.message);

        /* It may have been put and nothing may have been heard of it. */
        EXPECT(status == LARDER_DONE || status == LARDER_ERR_NO_MEMORY || status == LARDER_ERR_UNKNOWN);
        ALLOW(larder_etcd_observe(client, "ml", 2, &observer, result.message), LARDER_DONE);
        if (observer != NULL) {
            struct pollfd fd = {.fd = larder_etcd_observe_fd(observer), .events = POLLIN};

            while (poll(&fd, 1, WAIT_MS) == 1 &&
                   (status = larder_etcd_observe_next(observer, 0, &result)) == LARDER_NOTHING) {
            }
            EXPECT(status == LARDER_HIT || status == LARDER_MISS || status == LARDER_ERR_NO_MEMORY);
            /* After an error it asks again, and is left meanwhile. */
            status = larder_etcd_observe_next(observer, 0, &result);
            EXPECT(status >= 0 || status == LARDER_ERR_NO_MEMORY);
        }
        larder_etcd_observe_free(observer);
        status = larder_etcd_lock_release(lock, result.message);
        EXPECT(status == LARDER_DONE || status == LARDER_ERR_UNKNOWN);
        EXPECT(larder_etcd_lease_end(lease, result.message) == LARDER_DONE);
    }
    larder_etcd_result_free(&result);
}

static void try_locking(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_locking *locking = NULL;
    struct larder_etcd_lease *lease = NULL;
    struct larder_etcd_lock *lock = NULL;
    enum larder_status status;

    ALLOW(larder_etcd_lease_keep(client, 30, 0, NULL, NULL, &lease, result.message), LARDER_DONE);
    if (lease == NULL) {
        return;
    }
    ALLOW(larder_etcd_lock_begin(lease, "mi", 2, &locking, result.message), LARDER_DONE);
    if (locking != NULL) {
        struct pollfd fd = {.fd = larder_etcd_locking_fd(locking), .events = POLLIN};

        while (poll(&fd, 1, WAIT_MS) == 1 &&
               (status = larder_etcd_locking_next(locking, &lock, result.message)) == LARDER_NOTHING) {
        }
        EXPECT(status == LARDER_DONE); /* it has all that it needs */
        larder_etcd_locking_free(locking);
        status = larder_etcd_lock_release(lock, result.message);
        EXPECT(status == LARDER_DONE || status == LARDER_ERR_UNKNOWN);
    }
    EXPECT(larder_etcd_lease_end(lease, result.message) == LARDER_DONE);
}

static void try_all(const char *endpoints) {
    struct larder_etcd_options options = {
        .size = sizeof(options),
        .allocator = {.allocate = allocate, .reallocate = reallocate, .release = release},
    };
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd *client = NULL;

    ALLOW(larder_etcd_new(endpoints, &options, &client, result.message), LARDER_DONE);
    if (client == NULL) {
        return;
    }
    EXPECT(larder_etcd_put(client, "m", 1, "1", 1, 0, NULL) == LARDER_STORED);
    ALLOW(larder_etcd_get(client, "m", 1, &result), LARDER_HIT);
    larder_etcd_result_free(&result);
    try_watch(client);
    try_lock(client);
    try_locking(client);
    larder_etcd_free(client);
}

int main(int argc, char **argv) {
    int attempts = 0;

    do {
        atomic_store(&left, attempts++);
        atomic_store(&refused, 0);
        try_all(argc > 1 ? argv[1] : "127.0.0.1:2379");
        EXPECT_WITH(atomic_load(&standing) == 0, "all was given back");
    } while (!failed && atomic_load(&refused) > 0 && attempts < ATTEMPTS_MAX);
    EXPECT_WITH(attempts > 5 && attempts < ATTEMPTS_MAX, "there are some allocations");
    return failed;
}
