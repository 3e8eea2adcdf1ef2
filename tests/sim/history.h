/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_HISTORY_H
#define LARDER_TESTS_SIM_HISTORY_H

#include "world.h"

/* What callers have asked and been told, to be held against what the cluster has done. Each write has a value that no other
 * has, so it is found again in the cluster's history. */
enum { HISTORY_VALUE_MAX = 24, HISTORY_KEY_MAX = 8 };

enum history_kind {
    HISTORY_READ,     /* linearizable */
    HISTORY_READ_ANY, /* serializable */
    HISTORY_PUT,
    HISTORY_TXN,         /* puts, whatever there is */
    HISTORY_GUARDED,     /* puts, if mod_revision is `expected` */
    HISTORY_DELETE,      /* without a value: it is not looked for */
    HISTORY_DELETE_MARK, /* a transaction that deletes the key, and puts the value to the key "mark" */
    HISTORY_KINDS
};

struct history_op {
    enum history_kind kind;
    char key[HISTORY_KEY_MAX];
    char value[HISTORY_VALUE_MAX]; /* of writes, what was written */
    int64_t expected;
    bool retry_unknown;
    int64_t start_ns;
    int64_t end_ns;
    int64_t deadline_ns;
    int64_t revision_at_start; /* of the cluster */

    /* the answer */
    bool is_done;
    enum store_status status;
    bool repeated;
    bool succeeded; /* GUARDED */
    int64_t revision;
    int64_t mod_revision; /* READ: of what was found; 0: nothing was */
};

struct history {
    struct history_op **ops;
    size_t count;
};

void history_fini(struct history *history);

/* A new one, at the end. Valid until history_fini. */
struct history_op *history_add(struct history *history);

/* Holds all of it against the history of the cluster. Fails the test on: a read of what was not current between its start
 * and its end; a write that was answered and is not there, or there at another time; one that is there and was answered
 * as not done; one that is there twice and was not to be repeated. */
void history_check(const struct history *history, const struct world *world);

#endif
