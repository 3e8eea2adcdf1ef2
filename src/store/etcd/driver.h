/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_DRIVER_H
#define LARDER_STORE_ETCD_DRIVER_H

#include "net/loop.h"
#include "net/tls.h"
#include "store/etcd/client.h"

/* The client of a cluster in the real world: on a loop of net/, with TLS where an endpoint wants it. Names are looked up on a
 * thread for slow work, so the loop never waits. */
struct etcd_driver;

/* `tls` (NULL: the system's authorities, no certificate of our own) is read during the call. NULL: `why` has a sentence for
 * people. On the loop's thread, or before it runs. */
struct etcd_driver *etcd_driver_new(struct loop *loop, const struct etcd_client_config *config,
                                    const struct tls_files *tls, struct buf *why);

struct etcd_client *etcd_driver_client(struct etcd_driver *driver);

/* Frees the client (its requests end), closes what is open. loop_free then runs what is still closing. NULL is allowed. */
void etcd_driver_free(struct etcd_driver *driver);

#endif
