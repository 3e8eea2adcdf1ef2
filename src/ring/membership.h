/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_MEMBERSHIP_H
#define LARDER_RING_MEMBERSHIP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/kv.h"

/* The nodes of a cluster, as the store has them at a revision: each under /larder/<cluster>/nodes/<id>, with a lease that
 * it keeps alive while it lives. Immutable once made, counted, for any thread. */

enum {
    MEMBER_ID_MAX = 128,      /* bytes; printable ASCII without ' ', '/' and ',' */
    MEMBER_ADDRESS_MAX = 256, /* bytes */
    MEMBER_RECORD_MAX = 4096, /* bytes of a record; a longer one is none */
    CLUSTER_NAME_MAX = 64,    /* bytes; as a group's name */
};

/* A node. `incarnation` is the create_revision of its record: a node that begins anew under its old name has another one,
 * and what it held before is no more. */
struct member {
    struct slice id;
    struct slice address; /* where its peers reach it, HOST:PORT */
    int64_t incarnation;
    unsigned algorithm; /* RING_ALGORITHM, else it is in nobody's ring here */
    bool leaving;       /* it owns nothing any more and still gives up what it had */
};

struct membership {
    atomic_uint refs;
    int64_t revision; /* of the store: every change up to it is in here */
    uint64_t digest;  /* of ids, incarnations, algorithms and `leaving`: two with the same have the same ring */
    size_t count;
    struct member members[]; /* sorted by id */
};

/* The membership of a complete list of records (their keys begin with `prefix`), as of `revision`. What is no record is left
 * out, and counted in *ret_bad. The caller owns one reference. Errors: LIMIT (more than RING_NODES_MAX), NO_MEMORY. */
enum larder_error membership_read(struct slice prefix, const struct kv *kvs, size_t count, int64_t revision,
                                  struct membership **ret_membership, size_t *ret_bad);

/* `m` after some events of whole revisions, the last of them `revision`; events at or below m->revision change nothing, and
 * of several of one key the newest counts, in whatever order they stand. A record that is replaced by what is none leaves
 * the membership, as if it were read anew. A new one, owned by the caller; of the same digest if nothing changed. Errors:
 * as above. */
enum larder_error membership_apply(const struct membership *m, struct slice prefix, const struct kv_event *events,
                                   size_t count, int64_t revision, struct membership **ret_membership, size_t *ret_bad);

struct membership *membership_ref(struct membership *m);
void membership_unref(struct membership *m); /* NULL is allowed */

/* NULL: it is not in it. Borrowed. */
const struct member *membership_find(const struct membership *m, struct slice id);

/* Why `id` cannot be a node's, or `name` a cluster's, as a text for people, or NULL when it can. Static. */
const char *member_id_problem(struct slice id);
const char *cluster_name_problem(struct slice name);

/* The value of a node's record: JSON with id, address, ring (the algorithm), state ("serving", "leaving") and version (of
 * the program, for people; it is not read). Fields that a reader does not know mean nothing to it; whatever changes who owns
 * a slot gets another algorithm number. `out` is unchanged on failure. Errors: NO_MEMORY, LIMIT. */
enum larder_error member_record_write(const struct member *member, struct buf *out);

#endif
