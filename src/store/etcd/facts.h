/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_FACTS_H
#define LARDER_STORE_ETCD_FACTS_H

#include <stdatomic.h>
#include <stdint.h>

/* What a client knows of its cluster that other threads want to know at once. Written by the client's thread alone; each fact
 * stands for itself. */
struct etcd_facts {
    _Atomic uint64_t cluster_id; /* 0: not known yet, here and below */
    _Atomic uint64_t member_id;  /* of whoever answered last */
    _Atomic uint64_t term;       /* the highest */
    /* The latest time of the monotonic clock of which it is proven that authentication was disabled in the cluster, so that
     * everybody might do everything; INT64_MIN: it is enabled, or nothing is known. Proof is what is answered to nobody: a
     * linearizable range that went out at that time without a token, nor with a certificate that stands for a user. */
    _Atomic int64_t open_ns;
};

#endif
