/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cohere/coherence_internal.h"

/* Calls that are passed on to the cluster, and when their answers may be shown. What an answer shows must be in memory before memory is
 * used again, or own writes would not be seen, and what was seen once would be gone again. So an answer that is ahead
 * of `applied` waits for it, a while; then floors (rule 6). */

/* --- answers --- */

static bool is_write(enum store_op_kind kind) {
    return kind == STORE_OP_PUT || kind == STORE_OP_DELETE || kind == STORE_OP_TXN || kind == STORE_OP_LEASE_REVOKE;
}

void pass_tell_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    const struct kv_event event = {
        .kind = kv != NULL ? KV_EVENT_PUT : KV_EVENT_DELETE,
        .kv = kv != NULL ? *kv : (struct kv){.key = key, .mod_revision = revision},
    };

    if (event.kv.mod_revision > applied_now(c)) {
        c->world->tell_early(c->ctx, &event);
    }
}

void pass_show_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    const struct store_span span = {.key = key};
    int64_t known = kv != NULL ? kv->mod_revision : revision;

    if (known > applied_now(c)) {
        floors_add(&c->floors, &span, known, false);
        pass_tell_key(c, key, kv, revision);
    }
}

void pass_install(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    struct mirror *m = mirror_of_key(c, key);

    if (m != NULL && mirror_is_loaded(m)) {
        pass_show_key(c, key, kv, revision); /* it will have the key by itself */
        return;
    }
    pass_tell_key(c, key, kv, revision);
    if (m != NULL && m->state != MIRROR_GIVEN_UP) {
        mirror_fill(c, m, key, kv, revision);
    } else if (kv != NULL) {
        keyspace_put(c->keys, kv, KEYSPACE_KEEP);
    } else {
        keyspace_absent(c->keys, key, revision, KEYSPACE_KEEP);
    }
}

/* Whether the answer says all there is to know of the one key that was asked for. */
static bool shows_whole_key(const struct store_range *range) {
    return store_span_is_single(&range->span) && !range->keys_only && !range->count_only &&
           range->min_mod_revision == 0 && range->max_mod_revision == 0 && range->min_create_revision == 0 &&
           range->max_create_revision == 0;
}

static bool is_kept(const struct coherence *c, struct slice key) {
    const struct coherence_policy *policy = c->world->policy(c->ctx, key);

    return policy != NULL && (policy->keeps || policy->mirrored);
}

/* Whether the answer to a read can be shown at once. */
static bool is_read_shown(struct coherence *c, const struct store_call *call) {
    const struct store_range *range = &call->op.range;

    if (range->revision != 0) {
        return true;
    }
    if (store_span_is_single(&range->span) && !is_kept(c, range->span.key)) {
        return true;
    }
    if (!shows_whole_key(range)) {
        return false;
    }
    pass_show_key(c, range->span.key, call->result.kv_count > 0 ? &call->result.kvs[0] : NULL, call->revision);
    return true;
}

void coherence_show(struct coherence *c, const struct store_call *call) {
    if (call->status != STORE_OK) {
        return;
    }
    coherence_saw(c, call->revision);
    if (is_ready(c) && call->revision > applied_now(c) &&
        (is_write(call->op.kind) || (call->op.kind == STORE_OP_RANGE && !is_read_shown(c, call)))) {
        early_take_in(c, call);
    }
}

void pass_tell_retired(struct coherence *c, const struct store_call *call) {
    if (c->retired && call->status == STORE_OK && c->world->retired_shows != NULL) {
        c->world->retired_shows(c->ctx, call);
    }
}

/* Nothing may come from the watch that says that `applied` has reached it. */
static bool comes_not_by_itself(const struct coherence *c, const struct store_call *call) {
    return c->config.proof == COHERENCE_BY_QUESTION && !early_changes(&call->op, &call->result);
}

void pass_answer(struct coherence *c, struct waiting *w, bool early) {
    if (early) {
        if (is_write(w->call->op.kind)) {
            count(&c->counts.early_writes, 1);
        }
        early_take_in(c, w->call);
    }
    waiting_end(c, w, w->call->status);
}

static void show(struct coherence *c, struct waiting *w) {
    const struct store_call *call = w->call;
    int64_t due_ns = earlier_of(time_after(now_of(c), c->config.ack_wait_ns), w->deadline_ns);

    if (!is_ready(c) || call->revision <= applied_now(c) ||
        !(is_write(call->op.kind) || call->op.kind == STORE_OP_RANGE) ||
        (call->op.kind == STORE_OP_RANGE && is_read_shown(c, call))) {
        waiting_end(c, w, call->status); /* what is shown before it has begun, see `given` */
    } else if (comes_not_by_itself(c, call) || !waiting_for_applied(c, w, WAITING_ACK, call->revision, due_ns)) {
        pass_answer(c, w, true);
    }
}

static void free_passed(struct coherence *c, struct passed *p) {
    p->next = c->free_passed;
    c->free_passed = p;
}

static void passed_is_answered(struct coherence *c, struct question *q) {
    struct passed *p = (struct passed *)q;
    struct waiting *w = p->w;
    struct store_call *call = w->call;
    bool linearizable = question_is_linearizable(&call->op);

    call->status = q->call.status;
    call->etcd_error = q->call.etcd_error;
    call->revision = q->call.revision;
    call->result = q->call.result;
    call->arena = q->call.arena;
    call->repeated = q->call.repeated;
    call->etcd_error = q->call.etcd_error;
    call->from_memory = false;
    call->age_ns = later_of(now_of(c) - q->started_ns, 0);
    waiting_take(c, w);
    /* What was asked before revisions went back was answered after it: answers of before have come before the one that told. */
    if (call->status == STORE_OK && (linearizable || q->era == c->era)) {
        if (!linearizable || q->era != c->era || !question_confirms(c, q)) {
            coherence_saw(c, call->revision); /* of the new revisions, if it was not confirmed */
        }
        pass_tell_retired(c, call);
        show(c, w);
    } else {
        waiting_end(c, w, call->status);
    }
    free_passed(c, p);
}

/* --- calls --- */

static struct passed *new_passed(struct coherence *c) {
    struct passed *p = c->free_passed;

    if (p != NULL) {
        c->free_passed = p->next;
    } else {
        p = malloc(sizeof(*p));
    }
    if (p != NULL) {
        memset(p, 0, sizeof(*p));
    }
    return p;
}

void pass_on(struct coherence *c, struct waiting *w, enum coherence_fallback reason) {
    struct passed *p = new_passed(c);
    struct store_call *call = w->call;

    if (reason != COHERENCE_FALLBACK_COUNT) {
        count(&c->counts.fallbacks[reason], 1);
    }
    if (p == NULL || !waiting_put(c, w, WAITING_CLUSTER, &c->cluster, INT64_MAX)) {
        free(p);
        waiting_end(c, w, STORE_NO_MEMORY);
        return;
    }
    p->w = w;
    question_init(c, &p->q);
    p->q.call.op = call->op;
    p->q.call.token = call->token;
    p->q.call.as_caller = call->as_caller;
    p->q.call.retry_unknown = call->retry_unknown;
    p->q.call.arena = call->arena;
    call->result = (struct store_result){0};
    question_ask(c, &p->q, passed_is_answered, w->deadline_ns);
}
