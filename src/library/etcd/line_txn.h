/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_LINE_TXN_H
#define LARDER_LIBRARY_ETCD_LINE_TXN_H

#include "library/etcd/line.h"

/* What is asked of the store about a line: one transaction, whose parts are here, so it may not be moved. It borrows the place's key,
 * and what the functions are given. */
struct line_txn {
    struct store_op op; /* the transaction */
    struct store_compare compare;
    struct store_op success[2];
    struct store_op failure[2];
};

/* Puts the place's key, on its lease, if it is not there: results[0] is of that, or the key that there is; results[1] is the first
 * of the line. `end` has room for the line's prefix. */
void line_txn_join(struct line_txn *t, const struct place *place, struct slice value, char *end);

/* If the key is still this place's: who is before it, the youngest of those who are older, in results[0]. */
void line_txn_look(struct line_txn *t, const struct place *place, char *end);

/* If the key is still this place's: puts another value, or deletes it. Of a key that may be there or not, with the place's revision
 * 0, the lease is all that is known. */
void line_txn_rewrite(struct line_txn *t, const struct place *place, struct slice value);
void line_txn_leave(struct line_txn *t, const struct place *place);

#endif
