/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_IO_H
#define LARDER_STORE_ETCD_IO_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/slice.h"
#include "store/etcd/endpoint.h"

/* What the client of a cluster needs of the world: connections and a clock. store/etcd/driver is the real world, the
 * simulation a virtual one. Neither calls back from inside these functions. */
struct etcd_link; /* a connection, the client's side of it */

struct etcd_io {
    /* Begins to connect. etcd_link_opened or etcd_link_closed follow, later, also when it fails at once. `handle` is what
     * the world calls the connection by. NULL: no memory or descriptors; no event follows. */
    void *(*connect)(void *ctx, struct etcd_link *link, const struct etcd_endpoint *endpoint, int64_t timeout_ns);
    /* Takes as much as goes at once and says how much; if it is not all, etcd_link_writable follows. An error: the
     * connection is broken, etcd_link_closed follows; *ret_written says how many bytes may have gone out all the same. */
    enum larder_error (*write)(void *ctx, void *handle, const struct iovec *pieces, int count, size_t *ret_written);
    /* Gives it up, in whatever state. No event follows, and the handle is gone. */
    void (*close)(void *ctx, void *handle);
    /* Monotonic. */
    int64_t (*now_ns)(void *ctx);
    /* etcd_client_run shall be called at `at_ns`, or soon after; the newest wish alone counts. INT64_MAX: never. */
    void (*wake_at)(void *ctx, int64_t at_ns);
};

/* --- what the world tells of a connection; on the client's thread --- */

/* It is there, TLS included; bytes may be written. */
void etcd_link_opened(struct etcd_link *link);
void etcd_link_input(struct etcd_link *link, struct slice bytes);
void etcd_link_writable(struct etcd_link *link);

/* The end: of a connection that could not be made (REFUSED, TIMEOUT, NOT_FOUND, PROTOCOL: TLS), or that is over. The handle
 * is gone. `text` says more for people, or is empty; it is borrowed during the call. */
void etcd_link_closed(struct etcd_link *link, enum larder_error error, struct slice text);

#endif
