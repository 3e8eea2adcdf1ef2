/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/permit_memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS = PERMIT_MEMO_MAX /* a power of two */ };

struct entry {
    struct entry *next_in_slot;
    struct entry *newer; /* in the order of use */
    struct entry *older;
    uint64_t hash;
    int64_t asked_ns;
    uint32_t token_size;
    uint32_t key_size;
    uint32_t range_end_size;
    char bytes[]; /* the token, the key, the range_end */
};

struct permit_memo {
    uint64_t seed;
    size_t count;
    struct entry *newest;
    struct entry *oldest;
    struct entry *slots[SLOTS];
};

struct permit_memo *permit_memo_new(uint64_t seed) {
    struct permit_memo *memo = calloc(1, sizeof(*memo));

    if (memo != NULL) {
        memo->seed = seed;
    }
    return memo;
}

static uint64_t hash_of(const struct permit_memo *memo, struct slice token, const struct store_span *span) {
    return hash_key(span->range_end, hash_key(span->key, hash_key(token, memo->seed)));
}

static bool is_of(const struct entry *e, struct slice token) {
    return slice_equal(slice_make(e->bytes, e->token_size), token);
}

static bool is_same(const struct entry *e, struct slice token, const struct store_span *span) {
    const char *at = e->bytes + e->token_size;

    return is_of(e, token) && slice_equal(slice_make(at, e->key_size), span->key) &&
           slice_equal(slice_make(at + e->key_size, e->range_end_size), span->range_end);
}

static struct entry *find(const struct permit_memo *memo, uint64_t hash, struct slice token,
                          const struct store_span *span) {
    struct entry *e = memo->slots[hash & (SLOTS - 1)];

    while (e != NULL && (e->hash != hash || !is_same(e, token, span))) {
        e = e->next_in_slot;
    }
    return e;
}

static void take_out_of_order(struct permit_memo *memo, struct entry *e) {
    *(e->newer != NULL ? &e->newer->older : &memo->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &memo->oldest) = e->newer;
}

static void put_in_front(struct permit_memo *memo, struct entry *e) {
    e->newer = NULL;
    e->older = memo->newest;
    *(memo->newest != NULL ? &memo->newest->newer : &memo->oldest) = e;
    memo->newest = e;
}

static void forget(struct permit_memo *memo, struct entry *e) {
    struct entry **at = &memo->slots[e->hash & (SLOTS - 1)];

    while (*at != e) {
        at = &(*at)->next_in_slot;
    }
    *at = e->next_in_slot;
    take_out_of_order(memo, e);
    memo->count--;
    free(e);
}

static char *append(char *at, struct slice s) {
    if (s.size > 0) {
        memcpy(at, s.data, s.size);
    }
    return at + s.size;
}

static struct entry *new_entry(struct slice token, const struct store_span *span) {
    size_t size = token.size + span->key.size + span->range_end.size;
    struct entry *e = size <= PERMIT_MEMO_BYTES_MAX ? malloc(sizeof(*e) + size) : NULL;

    if (e != NULL) {
        e->token_size = (uint32_t)token.size;
        e->key_size = (uint32_t)span->key.size;
        e->range_end_size = (uint32_t)span->range_end.size;
        append(append(append(e->bytes, token), span->key), span->range_end);
    }
    return e;
}

void permit_memo_put(struct permit_memo *memo, struct slice token, const struct store_span *span, int64_t asked_ns) {
    uint64_t hash = hash_of(memo, token, span);
    struct entry *e = find(memo, hash, token, span);

    if (e != NULL) {
        e->asked_ns = asked_ns > e->asked_ns ? asked_ns : e->asked_ns;
        return;
    }
    e = new_entry(token, span);
    if (e == NULL) {
        return;
    }
    if (memo->count == PERMIT_MEMO_MAX) {
        forget(memo, memo->oldest);
    }
    e->hash = hash;
    e->asked_ns = asked_ns;
    e->next_in_slot = memo->slots[hash & (SLOTS - 1)];
    memo->slots[hash & (SLOTS - 1)] = e;
    put_in_front(memo, e);
    memo->count++;
}

bool permit_memo_has(struct permit_memo *memo, struct slice token, const struct store_span *span, int64_t since_ns) {
    struct entry *e = find(memo, hash_of(memo, token, span), token, span);

    if (e == NULL || e->asked_ns < since_ns) {
        return false;
    }
    take_out_of_order(memo, e);
    put_in_front(memo, e);
    return true;
}

void permit_memo_forget(struct permit_memo *memo, struct slice token, const struct store_span *span) {
    struct entry *e = find(memo, hash_of(memo, token, span), token, span);

    if (e != NULL) {
        forget(memo, e);
    }
}

void permit_memo_drop(struct permit_memo *memo, struct slice token) {
    for (struct entry *e = memo->newest, *older; e != NULL; e = older) {
        older = e->older;
        if (is_of(e, token)) {
            forget(memo, e);
        }
    }
}

void permit_memo_clear(struct permit_memo *memo) {
    while (memo->newest != NULL) {
        forget(memo, memo->newest);
    }
}

size_t permit_memo_count(const struct permit_memo *memo) {
    return memo->count;
}

void permit_memo_free(struct permit_memo *memo) {
    if (memo != NULL) {
        permit_memo_clear(memo);
        free(memo);
    }
}
