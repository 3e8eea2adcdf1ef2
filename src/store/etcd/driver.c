/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/driver.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/timer.h"
#include "store/etcd/driver_connection.h"

struct etcd_driver {
    struct connection_room room;
    struct etcd_client *client;
    struct timer *timer;
    int64_t wanted_ns; /* the client's newest wish; INT64_MAX: none */
    int64_t armed_ns;  /* when the timer comes, INT64_MAX: not at all */
    bool is_running;   /* etcd_client_run is under way */
};

static void *io_connect(void *ctx, struct etcd_link *link, const struct etcd_endpoint *endpoint, int64_t timeout_ns) {
    struct etcd_driver *driver = ctx;

    return driver_connection_new(&driver->room, link, endpoint, timeout_ns);
}

static enum larder_error io_write(void *ctx, void *handle, const struct iovec *pieces, int count, size_t *ret_written) {
    (void)ctx;
    return driver_connection_write(handle, pieces, count, ret_written);
}

static void io_close(void *ctx, void *handle) {
    (void)ctx;
    driver_connection_close(handle);
}

/* Not loop_now_ns: the client measures how long its requests take, and a turn may last longer than one of them. */
static int64_t io_now_ns(void *ctx) {
    (void)ctx;
    return clock_monotonic_ns();
}

/* A timer that comes too early is left as it is and started anew when it comes: wishes change far more often than they come
 * true. */
static void arm(struct etcd_driver *driver) {
    int64_t delay_ns;

    if (driver->wanted_ns >= driver->armed_ns) {
        return;
    }
    delay_ns = driver->wanted_ns - clock_monotonic_ns();
    /* libuv would call a timer of no delay in this very turn, again and again, and no socket would get its turn. */
    if (driver->is_running && delay_ns <= 0) {
        delay_ns = 1;
    }
    driver->armed_ns = driver->wanted_ns;
    timer_start(driver->timer, delay_ns, 0);
}

static void io_wake_at(void *ctx, int64_t at_ns) {
    struct etcd_driver *driver = ctx;

    driver->wanted_ns = at_ns;
    arm(driver);
}

static void on_time(void *ctx) {
    struct etcd_driver *driver = ctx;

    driver->armed_ns = INT64_MAX;
    if (driver->wanted_ns <= clock_monotonic_ns()) {
        driver->wanted_ns = INT64_MAX;
        driver->is_running = true;
        etcd_client_run(driver->client);
        driver->is_running = false;
    }
    arm(driver);
}

static const struct etcd_io io = {
    .connect = io_connect,
    .write = io_write,
    .close = io_close,
    .now_ns = io_now_ns,
    .wake_at = io_wake_at,
};

/* Else nothing is read: the system's authorities take as long as some hundred requests. */
static bool wants_tls(const struct etcd_client_config *config, const struct tls_files *tls) {
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (config->endpoints[i].tls) {
            return true;
        }
    }
    return tls != NULL;
}

static bool fill(struct etcd_driver *driver, const struct etcd_client_config *config, const struct tls_files *tls,
                 struct buf *why) {
    struct connection_room *room = &driver->room;

    if (wants_tls(config, tls) && !connection_room_open_tls(room, tls, why)) {
        return false;
    }
    room->resolver = resolver_new(room->loop);
    driver->timer = timer_new(room->loop, on_time, driver);
    if (room->resolver != NULL && driver->timer != NULL) {
        driver->client = etcd_client_new(config, &io, driver);
    }
    if (driver->client == NULL) {
        buf_printf(why, "out of memory");
    }
    return driver->client != NULL;
}

struct etcd_driver *etcd_driver_new(struct loop *loop, const struct etcd_client_config *config,
                                    const struct tls_files *tls, struct buf *why) {
    struct etcd_driver *driver = calloc(1, sizeof(*driver));

    if (driver == NULL) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    driver->room.loop = loop;
    buf_init(&driver->room.plain, CONNECTION_PLAIN);
    driver->wanted_ns = INT64_MAX;
    driver->armed_ns = INT64_MAX;
    if (!fill(driver, config, tls, why)) {
        etcd_driver_free(driver);
        return NULL;
    }
    return driver;
}

struct etcd_client *etcd_driver_client(struct etcd_driver *driver) {
    return driver->client;
}

void etcd_driver_free(struct etcd_driver *driver) {
    if (driver == NULL) {
        return;
    }
    etcd_client_free(driver->client); /* closes all connections */
    resolver_free(driver->room.resolver);
    timer_free(driver->timer);
    tls_context_free(driver->room.tls);
    buf_fini(&driver->room.plain);
    free(driver);
}
