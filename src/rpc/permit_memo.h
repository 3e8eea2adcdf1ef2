/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_PERMIT_MEMO_H
#define LARDER_RPC_PERMIT_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* What an etcd cluster has lately said that somebody may read: a token, a span, when it was asked. The least recently used goes
 * first; what is long is not remembered. One worker's. */
struct permit_memo;

enum {
    PERMIT_MEMO_MAX = 4096,       /* entries */
    PERMIT_MEMO_BYTES_MAX = 1024, /* of one: token, key and range_end */
};

/* NULL: out of memory. */
struct permit_memo *permit_memo_new(uint64_t seed);

/* NULL is allowed. */
void permit_memo_free(struct permit_memo *memo);

/* Remembers, or renews. Without memory for it, nothing is. */
void permit_memo_put(struct permit_memo *memo, struct slice token, const struct store_span *span, int64_t asked_ns);

/* Whether it was asked at `since_ns` or later, of this span itself: of one that holds it another entry may be there. */
bool permit_memo_has(struct permit_memo *memo, struct slice token, const struct store_span *span, int64_t since_ns);

/* Forgets one, and all of a token. */
void permit_memo_forget(struct permit_memo *memo, struct slice token, const struct store_span *span);
void permit_memo_drop(struct permit_memo *memo, struct slice token);

void permit_memo_clear(struct permit_memo *memo);

size_t permit_memo_count(const struct permit_memo *memo);

#endif
