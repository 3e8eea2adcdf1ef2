/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_DRIVER_CONNECTION_H
#define LARDER_STORE_ETCD_DRIVER_CONNECTION_H

#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "store/etcd/io.h"

/* A connection of store/etcd/driver: looks the name up, tries the addresses one after another, shakes hands, and then passes
 * bytes on; all but the last within one timeout. */
struct connection;

enum {
    CONNECTION_INPUT = 128 << 10,     /* bytes read at a time */
    CONNECTION_RECORD = 16 << 10,     /* plain bytes of a TLS record, at most (RFC 8446, 5.1) */
    CONNECTION_PLAIN = 256 << 10,     /* what one read can hold, with the record that was begun before it */
    CONNECTION_WIRE_FULL = 256 << 10, /* encrypted bytes that wait; no more are taken then */
    CONNECTION_WIRE_MAX = 1 << 20,    /* the same with a record more, and what TLS says for itself */
};

/* What all connections of a driver share; outlives those that have not been given up. */
struct connection_room {
    struct loop *loop;
    struct resolver *resolver;
    struct tls_context *tls;        /* NULL: it has not been needed yet */
    struct buf plain;               /* of the one read that is being handed on */
    char input[CONNECTION_INPUT];   /* the same */
    char record[CONNECTION_RECORD]; /* small pieces on their way into one record */
};

/* Reads what TLS needs, `files` or (NULL) the system's authorities. False: `why` says what was wrong. */
bool connection_room_open_tls(struct connection_room *room, const struct tls_files *files, struct buf *why);

/* As connect of struct etcd_io. */
struct connection *driver_connection_new(struct connection_room *room, struct etcd_link *link,
                                         const struct etcd_endpoint *endpoint, int64_t timeout_ns);

/* As write. */
enum larder_error driver_connection_write(struct connection *c, const struct iovec *pieces, int count,
                                          size_t *ret_written);

/* As close. It frees itself when its socket has gone from the loop, and looks at `room` no more. */
void driver_connection_close(struct connection *c);

#endif
