/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "library/memory.h"

enum { BATCH_MAX = 1 << 20 /* bytes, about */, POLL_MAX_MS = 1 << 30 };

/* --- a flag for poll --- */

int flag_open(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void flag_raise(int fd) {
    uint64_t one = 1;

    (void)!write(fd, &one, sizeof(one)); /* it can only fail because it is raised so often already */
}

void flag_lower(int fd) {
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

/* --- opening and closing --- */

static void on_wake(void *ctx) {
    const struct larder_etcd_watch *watch = ctx;

    flag_raise(watch->fd);
}

static void close_flag(const struct larder_etcd_watch *watch) {
    if (watch->owns_fd) {
        close(watch->fd);
    }
}

static enum larder_status open_watcher(struct larder_etcd_watch *watch, const struct store_watch *wish, int flag) {
    enum store_status status = STORE_OK;

    watch->owns_fd = flag < 0;
    watch->fd = watch->owns_fd ? flag_open() : flag;
    if (watch->fd < 0) {
        return LARDER_ERR_SYSTEM;
    }
    watch->watcher = store_watch_open(watch->client->store, wish, on_wake, watch, &status, NULL);
    if (watch->watcher == NULL) {
        close_flag(watch);
        return status == STORE_NO_MEMORY ? LARDER_ERR_NO_MEMORY : LARDER_ERR_BUSY;
    }
    return LARDER_DONE;
}

enum larder_status watch_open(struct larder_etcd *client, const struct store_watch *wish, int flag,
                              struct larder_etcd_watch **ret_watch) {
    struct larder_etcd_watch *watch = memory_new(&client->allocator, sizeof(*watch));
    enum larder_status status;

    if (watch == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    watch->client = client->root;
    watch->told = wish->start_revision - 1;
    status = open_watcher(watch, wish, flag);
    if (status != LARDER_DONE) {
        memory_free(&client->allocator, watch);
        return status;
    }
    *ret_watch = watch;
    return LARDER_DONE;
}

void larder_etcd_watch_free(struct larder_etcd_watch *watch) {
    if (watch == NULL) {
        return;
    }
    if (!client_is_foreign(watch->client)) {
        watch_done(watch);
        store_watcher_close(watch->watcher);
    }
    close_flag(watch);
    memory_free(&watch->client->allocator, watch);
}

int larder_etcd_watch_fd(const struct larder_etcd_watch *watch) {
    return watch->fd;
}

/* --- waiting --- */

int64_t watch_deadline(unsigned wait_ms) {
    return wait_ms == LARDER_ETCD_FOREVER ? INT64_MAX : clock_monotonic_ns() + wait_ms * CLOCK_NS_PER_MS;
}

/* Lowered first: what comes after the look raises it again. */
static bool take_batch(struct larder_etcd_watch *watch) {
    struct store_batch *batch = &watch->batch;

    flag_lower(watch->fd);
    store_watcher_next(watch->watcher, BATCH_MAX, batch);
    watch->has_batch = batch->count > 0 || batch->status != STORE_OK || batch->revision > watch->told;
    if (!watch->has_batch) {
        store_batch_fini(batch);
    }
    return watch->has_batch;
}

int watch_left_ms(int64_t deadline_ns) {
    int64_t left_ns = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - clock_monotonic_ns();

    if (left_ns == INT64_MAX) {
        return -1;
    }
    left_ns = left_ns > 0 ? (left_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
    return left_ns < POLL_MAX_MS ? (int)left_ns : POLL_MAX_MS;
}

bool watch_wait(struct larder_etcd_watch *watch, int64_t deadline_ns) {
    struct pollfd fd = {.fd = watch->fd, .events = POLLIN};

    while (!watch->has_batch && !take_batch(watch)) {
        int left_ms = watch_left_ms(deadline_ns);

        if (left_ms == 0 || (poll(&fd, 1, left_ms) < 0 && errno != EINTR)) {
            return false;
        }
    }
    return true;
}

void watch_done(struct larder_etcd_watch *watch) {
    if (watch->has_batch) {
        watch->told = watch->batch.revision > watch->told ? watch->batch.revision : watch->told;
        if (watch->batch.more) {
            flag_raise(watch->fd);
        }
        store_batch_fini(&watch->batch);
        watch->has_batch = false;
    }
}
