/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* BY_QUESTION: how far `applied` is cannot be known, so a batch of reads is answered by one read-only transaction of its keys
 * (the ladder, step 4). Reads of the same key share an operation; what finds no room in it is for the next batch. */

enum { READS_MAX = 4096 /* of one batch */ };

/* The place of the key in the batch, which it may get. False: there is no room. */
static bool place_of(struct coherence *c, struct slice key, size_t *ret_place) {
    for (size_t i = 0; i < c->round_key_count; i++) {
        if (slice_equal(c->round_keys[i], key)) {
            *ret_place = i;
            return true;
        }
    }
    if (c->round_key_count == COHERENCE_TXN_KEYS) {
        return false;
    }
    *ret_place = c->round_key_count;
    c->round_keys[c->round_key_count++] = key;
    return true;
}

/* The keys are copied: a read that gives up takes its own with it. */
static bool copy_keys(struct coherence *c) {
    for (size_t i = 0; i < c->round_key_count; i++) {
        if (!arena_copy(&c->round.arena, c->round_keys[i], &c->round_keys[i])) {
            return false;
        }
    }
    return true;
}

static void take_batch(struct coherence *c) {
    struct waiting *next;
    size_t looked_at = 0;

    c->round_key_count = 0;
    for (struct waiting *w = c->next_round.first; w != NULL && looked_at < READS_MAX; w = next) {
        size_t place;

        looked_at++;
        next = w->next;
        if (place_of(c, w->call->op.range.span.key, &place)) {
            w->need = (int64_t)place;
            waiting_put(c, w, WAITING_ROUND, &c->round_readers, w->deadline_ns);
        }
    }
}

static void pass_on_readers(struct coherence *c) {
    while (c->round_readers.first != NULL) {
        pass_on(c, c->round_readers.first, COHERENCE_FALLBACK_ROUND);
    }
}

static void failed(struct coherence *c) {
    count(&c->counts.rounds_failed, 1);
    pass_on_readers(c);
}

static const struct kv *kv_of(const struct store_result *result) {
    return result->kv_count > 0 ? &result->kvs[0] : NULL;
}

static void serve(struct coherence *c, const struct store_result *results, int64_t revision) {
    struct waiting *w;

    while ((w = c->round_readers.first) != NULL) {
        bool given = look_give(w->call, kv_of(&results[w->need]), revision);

        w->call->from_memory = false;
        w->call->age_ns = later_of(now_of(c) - c->round.started_ns, 0);
        count(&c->counts.round_reads, 1);
        waiting_end(c, w, given ? STORE_OK : STORE_NO_MEMORY);
    }
}

static void is_answered(struct coherence *c, struct question *q) {
    const struct store_result *result = &q->call.result;

    if (q->generation != c->generation) {
        return;
    }
    if (q->call.status != STORE_OK || result->result_count != c->round_key_count) {
        failed(c);
        return;
    }
    if (!question_confirms(c, q)) {
        return;
    }
    round_prove(c, q->call.revision, q->started_ns);
    /* Events up to `applied` of keys that were not known have left nothing behind. */
    for (size_t i = 0; i < c->round_key_count && q->call.revision >= applied_now(c); i++) {
        flight_show_key(c, c->round_keys[i], kv_of(&result->results[i]), q->call.revision);
        pass_install(c, c->round_keys[i], kv_of(&result->results[i]), q->call.revision);
    }
    serve(c, result->results, q->call.revision);
}

void ask_keys_start(struct coherence *c) {
    struct store_op *ops;

    question_init(c, &c->round);
    take_batch(c);
    ops = arena_calloc(&c->round.arena, c->round_key_count, sizeof(*ops));
    if (ops == NULL || !copy_keys(c)) {
        failed(c);
        return;
    }
    for (size_t i = 0; i < c->round_key_count; i++) {
        ops[i] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = c->round_keys[i]}}};
    }
    c->round.call.op = (struct store_op){
        .kind = STORE_OP_TXN,
        .txn = {.success = ops, .success_count = c->round_key_count},
    };
    question_ask(c, &c->round, is_answered, time_after(now_of(c), c->config.request_timeout_ns));
}
