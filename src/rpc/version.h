/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_VERSION_H
#define LARDER_RPC_VERSION_H

/* The etcd that clients may take this node for. The answers are those of 3.4; from 3.4.31 on clients may trust that progress
 * of a watch never overtakes its events (etcd#15220), and here they may. */
#define RPC_ETCD_VERSION "3.4.31"
#define RPC_ETCD_CLUSTER_VERSION "3.4.0"

#endif
