/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_ORDER_H
#define LARDER_STORE_ETCD_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* In which order writes are sent to a cluster, as a machine without I/O. A cluster does what is asked on one connection in
 * any order, so of the writes that name the same key only one is under way at a time, the others wait in line. A write that
 * names a range of keys waits for all before it, and all behind it wait for it.
 *
 * A transaction names the keys it compares and reads as well. Reads, leases and compactions are in no order. */
struct etcd_order;

/* A key that a write names. */
struct etcd_claim {
    struct etcd_turn *turn;
    struct slice key; /* borrowed of the operation */
    uint64_t hash;
    struct etcd_claim *next;      /* in the line for that key */
    struct etcd_claim *last;      /* of the first in line: the last one */
    struct etcd_claim *next_slot; /* of the first in line: another key's first in the same slot */
};

/* One write on its way; embedded in whatever is to be done. */
struct etcd_turn {
    const struct store_op *op; /* set by the caller; stays in place until etcd_order_end */
    struct etcd_turn *next;
    struct etcd_claim one; /* most name one key */
    struct etcd_claim *claims;
    size_t claim_count;
    size_t behind; /* claims that are not the first in line */
    bool alone;    /* it names a range */
};

enum { ETCD_ORDER_SLOTS = 16384 };

/* `seed` is that of the hash. NULL: out of memory. */
struct etcd_order *etcd_order_new(uint64_t seed);

/* Nothing is in it any more. NULL is allowed. */
void etcd_order_free(struct etcd_order *o);

/* Whether the operation is in an order at all. */
bool etcd_order_counts(const struct store_op *op);

/* Puts a write at the end of the lines it has to wait in. False: no memory, and it is in none. */
bool etcd_order_add(struct etcd_order *o, struct etcd_turn *turn);

/* The next write whose turn has come; NULL: none. */
struct etcd_turn *etcd_order_take(struct etcd_order *o);

/* A write that was taken has ended: others may have their turn now. */
void etcd_order_end(struct etcd_order *o, struct etcd_turn *turn);

#endif
