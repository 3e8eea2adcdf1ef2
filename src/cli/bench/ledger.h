/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_LEDGER_H
#define LARDER_CLI_BENCH_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* What a load has written and what was acknowledged, so that it can judge what it reads.
 *
 * The writes of a key, deletes included, are numbered from 1, and one is under way at a time; so their order is that of
 * their numbers, whatever node they went through. A value names its run, its key and its number. A read notes when it
 * begins which write is the newest that was acknowledged: that one is its floor. Its answer is fresh if it shows the
 * floor or a later write: a value of that number or a higher one, or nothing, if the floor or a later write is a delete.
 *
 * A write belongs to one thread, that of its key; everything else may be called by all threads. */

enum { LEDGER_VALUE_SIZE = 44 };

struct ledger_key {
    atomic_uint_fast64_t issued;  /* the newest write that was sent; 0: none */
    atomic_uint_fast64_t deleted; /* the newest delete that was sent; 0: none */
    atomic_uint_fast64_t acked;   /* the newest write that was acknowledged */
    uint64_t deleted_before;      /* the rest is for the thread that writes it: `deleted` before the write under way */
    bool busy;                    /* a write is under way, or nobody knows how it ended */
};

struct ledger {
    uint64_t run;
    uint64_t keys;
    size_t nodes;
    struct ledger_key *key;
    atomic_uint_fast64_t *acked_by; /* [key * nodes + node]: the newest write that this node acknowledged */
};

/* `run` tells the values of this run from those of others. Errors: NO_MEMORY. */
enum larder_error ledger_init(struct ledger *ledger, uint64_t keys, size_t nodes, uint64_t run);
void ledger_fini(struct ledger *ledger);

/* Whether a write of the key may begin. */
static inline bool ledger_is_free(const struct ledger *ledger, uint64_t key) {
    return !ledger->key[key].busy;
}

/* Whether the newest write that was acknowledged left a value; for the thread that writes the key, while it is free. */
bool ledger_is_present(const struct ledger *ledger, uint64_t key);

/* A write of a free key begins, before it is sent. Returns its number. */
uint64_t ledger_begin(struct ledger *ledger, uint64_t key, bool is_delete);

/* The node has acknowledged the write under way. */
void ledger_acknowledge(struct ledger *ledger, uint64_t key, size_t node);

/* The write under way was refused: it has certainly not been done. When nobody knows, call neither; the key then stays
 * busy, and reads may show that write or not. */
void ledger_withdraw(struct ledger *ledger, uint64_t key);

/* Whether there was a value before the write under way. */
bool ledger_was_present(const struct ledger *ledger, uint64_t key);

/* The value of write `number`, LEDGER_VALUE_SIZE bytes of printable text. */
void ledger_value(const struct ledger *ledger, uint64_t key, uint64_t number, char *ret_value);

/* The floor of a read that begins now: of the writes that any node acknowledged, or only of those that this node
 * did. */
uint64_t ledger_floor(const struct ledger *ledger, uint64_t key);
uint64_t ledger_floor_by(const struct ledger *ledger, uint64_t key, size_t node);

enum ledger_verdict {
    LEDGER_FRESH,
    LEDGER_STALE,   /* it shows an older state than the floor; a value of another run is older than all of this one */
    LEDGER_FOREIGN, /* it is no value that anybody wrote to this key; there is no telling before the first write */
};

/* Judges a value. ret_number is the number in it; 0 if there is none, or it is another run's. */
enum ledger_verdict ledger_judge_value(const struct ledger *ledger, uint64_t key, uint64_t floor, struct slice value,
                                       uint64_t *ret_number);

/* Judges the answer that there is no such key. */
enum ledger_verdict ledger_judge_absent(const struct ledger *ledger, uint64_t key, uint64_t floor);

#endif
