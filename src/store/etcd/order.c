/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/order.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

struct line {
    struct etcd_turn *first;
    struct etcd_turn **end;
};

struct etcd_order {
    uint64_t seed;
    size_t under_way; /* in the lines for their keys, or taken */
    bool alone;       /* what is under way is one that names a range */
    struct line held; /* behind one that names a range */
    struct line ready;
    struct etcd_claim *slots[ETCD_ORDER_SLOTS];
};

static void line_init(struct line *line) {
    line->first = NULL;
    line->end = &line->first;
}

static void line_add(struct line *line, struct etcd_turn *turn) {
    turn->next = NULL;
    *line->end = turn;
    line->end = &turn->next;
}

static struct etcd_turn *line_take(struct line *line) {
    struct etcd_turn *turn = line->first;

    if (turn != NULL) {
        line->first = turn->next;
        if (line->first == NULL) {
            line->end = &line->first;
        }
    }
    return turn;
}

struct etcd_order *etcd_order_new(uint64_t seed) {
    struct etcd_order *o = calloc(1, sizeof(*o));

    if (o != NULL) {
        o->seed = seed;
        line_init(&o->held);
        line_init(&o->ready);
    }
    return o;
}

void etcd_order_free(struct etcd_order *o) {
    assert(o == NULL || o->under_way == 0);
    free(o);
}

/* --- which keys an operation names --- */

/* Goes through the keys of an operation: counts them, or, with `turn`, notes them there. */
struct naming {
    struct etcd_turn *turn; /* NULL: they are counted */
    size_t count;
    bool ranges; /* there is a range among them */
    bool writes; /* it changes something */
};

static void name_span(struct naming *n, const struct store_span *span) {
    if (span->range_end.size > 0) {
        n->ranges = true;
        return;
    }
    if (n->turn != NULL) {
        n->turn->claims[n->count].key = span->key;
    }
    n->count++;
}

static void name_op(struct naming *n, const struct store_op *op);

static void name_txn(struct naming *n, const struct store_txn *txn) {
    for (size_t i = 0; i < txn->compare_count; i++) {
        name_span(n, &txn->compares[i].span);
    }
    for (size_t i = 0; i < txn->success_count; i++) {
        name_op(n, &txn->success[i]);
    }
    for (size_t i = 0; i < txn->failure_count; i++) {
        name_op(n, &txn->failure[i]);
    }
}

static void name_op(struct naming *n, const struct store_op *op) {
    switch (op->kind) {
    case STORE_OP_PUT:
        n->writes = true;
        name_span(n, &(struct store_span){.key = op->put.key});
        break;
    case STORE_OP_DELETE:
        n->writes = true;
        name_span(n, &op->delete.span);
        break;
    case STORE_OP_RANGE:
        name_span(n, &op->range.span);
        break;
    case STORE_OP_TXN:
        name_txn(n, &op->txn);
        break;
    default:
        break;
    }
}

bool etcd_order_counts(const struct store_op *op) {
    struct naming n = {0};

    name_op(&n, op);
    return n.writes;
}

/* --- lines for keys --- */

static struct etcd_claim **find_line(struct etcd_order *o, const struct etcd_claim *claim) {
    struct etcd_claim **place = &o->slots[claim->hash & (ETCD_ORDER_SLOTS - 1)];

    while (*place != NULL && ((*place)->hash != claim->hash || !slice_equal((*place)->key, claim->key))) {
        place = &(*place)->next_slot;
    }
    return place;
}

static void stand_in_line(struct etcd_order *o, struct etcd_claim *claim) {
    struct etcd_claim **place = find_line(o, claim);
    struct etcd_claim *first = *place;

    claim->next = NULL;
    claim->next_slot = NULL;
    if (first == NULL) {
        claim->last = claim;
        *place = claim;
    } else if (first->last->turn == claim->turn) {
        claim->turn = NULL; /* it names the key twice */
    } else {
        first->last->next = claim;
        first->last = claim;
        claim->turn->behind++;
    }
}

static void leave_line(struct etcd_order *o, struct etcd_claim *claim) {
    struct etcd_claim **place = find_line(o, claim);
    struct etcd_claim *next = claim->next;

    assert(*place == claim);
    if (next == NULL) {
        *place = claim->next_slot;
        return;
    }
    next->last = claim->last;
    next->next_slot = claim->next_slot;
    *place = next;
    if (--next->turn->behind == 0) {
        line_add(&o->ready, next->turn);
    }
}

/* --- turns --- */

static bool note_claims(struct etcd_order *o, struct etcd_turn *turn) {
    struct naming n = {0};

    name_op(&n, turn->op);
    turn->alone = n.ranges;
    turn->claim_count = n.ranges ? 0 : n.count;
    turn->claims = turn->claim_count > 1 ? calloc(turn->claim_count, sizeof(*turn->claims)) : &turn->one;
    if (turn->claims == NULL) {
        return false;
    }
    if (turn->claim_count > 0) {
        n = (struct naming){.turn = turn};
        name_op(&n, turn->op);
    }
    for (size_t i = 0; i < turn->claim_count; i++) {
        turn->claims[i].turn = turn;
        turn->claims[i].hash = hash_key(turn->claims[i].key, o->seed);
    }
    return true;
}

static void begin(struct etcd_order *o, struct etcd_turn *turn) {
    o->under_way++;
    o->alone = turn->alone;
    turn->behind = 0;
    for (size_t i = 0; i < turn->claim_count; i++) {
        stand_in_line(o, &turn->claims[i]);
    }
    if (turn->behind == 0) {
        line_add(&o->ready, turn);
    }
}

static bool may_begin(const struct etcd_order *o, const struct etcd_turn *turn) {
    return turn->alone ? o->under_way == 0 : !o->alone;
}

bool etcd_order_add(struct etcd_order *o, struct etcd_turn *turn) {
    if (!note_claims(o, turn)) {
        return false;
    }
    if (o->held.first == NULL && may_begin(o, turn)) {
        begin(o, turn);
    } else {
        line_add(&o->held, turn);
    }
    return true;
}

struct etcd_turn *etcd_order_take(struct etcd_order *o) {
    return line_take(&o->ready);
}

void etcd_order_end(struct etcd_order *o, struct etcd_turn *turn) {
    for (size_t i = 0; i < turn->claim_count; i++) {
        if (turn->claims[i].turn != NULL) {
            leave_line(o, &turn->claims[i]);
        }
    }
    if (turn->claims != &turn->one) {
        free(turn->claims);
    }
    o->under_way--;
    o->alone = false;
    while (o->held.first != NULL && may_begin(o, o->held.first)) {
        begin(o, line_take(&o->held));
    }
}
