/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_STORE_TOY_ETCD_H
#define LARDER_TESTS_UNIT_STORE_TOY_ETCD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A real etcd of one member, on free ports of 127.0.0.1, with its data and its log ("etcd.log") in a directory. It ends
 * with the test's process. */
struct toy_etcd {
    const char *directory;
    bool tls; /* with ca.pem, server.pem and server.key of the directory; wants clients' certificates */
    uint16_t port;
    uint16_t peer_port;
    pid_t pid;
};

/* It is started; that it serves is what the client finds out. */
void toy_etcd_start(struct toy_etcd *etcd, const char *directory, bool tls);

/* kill -9, and again where it was. */
void toy_etcd_kill(struct toy_etcd *etcd);
void toy_etcd_restart(struct toy_etcd *etcd);

#endif
