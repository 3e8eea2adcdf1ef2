/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_sweep.h"

#include <stdlib.h>

#include "base/log.h"
#include "cohere/spans.h"

/* When a sweep goes on, and with what. */

enum { SUSPECTS_BYTES = 64 << 20 };

/* --- life --- */

bool sweep_init(struct coherence *c) {
    struct sweep *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return false;
    }
    arena_init(&s->arena, SUSPECTS_BYTES);
    s->limit = COHERENCE_PAGE_KEYS;
    s->backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    c->sweep = s;
    return true;
}

void sweep_fini(struct coherence *c) {
    struct sweep *s = c->sweep;

    if (s == NULL) {
        return;
    }
    while (s->audits.first != NULL) {
        waiting_end(c, s->audits.first, STORE_CLOSED);
    }
    question_fini(&s->q);
    arena_fini(&s->arena);
    free(s->suspects);
    free(s->from);
    free(s);
}

void sweep_wish(struct coherence *c) {
    c->sweep->wished = true;
}

static void forget_suspects(struct sweep *s) {
    s->suspect_count = 0;
    s->suspect_next = 0;
    arena_reset(&s->arena);
}

static void stop(struct sweep *s) {
    s->running = false;
    s->hurried = false;
    s->stage = SWEEP_RESTS;
    s->audit = 0;
    forget_suspects(s);
}

void sweep_reset(struct coherence *c) {
    stop(c->sweep);
    c->sweep->wished = false;
}

void sweep_retire(struct coherence *c) {
    while (c->sweep->audits.first != NULL) {
        waiting_end(c, c->sweep->audits.first, STORE_UNAVAILABLE);
    }
}

static void start(struct coherence *c, struct sweep *s) {
    stop(s);
    s->running = true;
    s->hurried = s->wished || s->audits.first != NULL;
    s->wished = false;
    s->mirror = 0;
    free(s->from);
    s->from = NULL;
    s->compared = 0;
    s->differences = 0;
    s->shown = NULL;
    s->shown_count = 0;
    s->next_ns = now_of(c);
    if (s->audits.first != NULL) {
        s->audit = s->audits.first->need;
    }
}

/* --- audits --- */

void sweep_audit(struct coherence *c, struct waiting *w) {
    struct sweep *s = c->sweep;

    if (!is_ready(c)) {
        waiting_end(c, w, STORE_UNAVAILABLE);
        return;
    }
    w->need = ++s->audit_numbers;
    if (!waiting_put(c, w, WAITING_AUDIT, &s->audits, w->call->deadline_ns != 0 ? w->deadline_ns : INT64_MAX)) {
        waiting_end(c, w, STORE_NO_MEMORY);
    }
}

/* The audit that this pass is for; NULL: it gave up, or there is none. */
static struct waiting *audit_of(const struct sweep *s) {
    struct waiting *first = s->audits.first;

    return s->audit != 0 && first != NULL && first->need == s->audit ? first : NULL;
}

static void show_key(struct sweep *s, struct store_call *call, struct slice key) {
    if (s->shown == NULL) {
        s->shown = arena_calloc(&call->arena, SWEEP_SHOWN, sizeof(*s->shown));
    }
    if (s->shown != NULL && s->shown_count < SWEEP_SHOWN && arena_copy(&call->arena, key, &s->shown[s->shown_count])) {
        s->shown_count++;
    }
}

static void end_audit(struct coherence *c, struct sweep *s, enum store_status status) {
    struct waiting *w = audit_of(s);

    s->audit = 0;
    if (w == NULL) {
        return;
    }
    w->call->revision = applied_now(c);
    w->call->result = (struct store_result){
        .kind = STORE_OP_AUDIT,
        .audit_compared = s->compared,
        .audit_differences = s->differences,
        .audit_keys = s->shown,
        .audit_key_count = s->shown_count,
    };
    waiting_end(c, w, status);
}

/* --- a suspect --- */

void sweep_event(struct coherence *c, const struct kv_event *event) {
    struct sweep *s = c->sweep;

    if (s->suspect_next < s->suspect_count && slice_equal(s->suspects[s->suspect_next], event->kv.key)) {
        s->touched = true;
    }
}

static void is_different(struct coherence *c, struct sweep *s, struct slice key, const struct kv *kv) {
    struct waiting *w = audit_of(s);

    log_error("what was known of a key was not what the cluster has; it is mended", log_key(key),
              log_number("revision", s->q.call.revision));
    s->differences++;
    count(&c->counts.differences, 1);
    if (w != NULL) {
        show_key(s, w->call, key);
    }
    sweep_mend(c, key, kv, s->q.call.revision);
}

static void compare_suspect(struct coherence *c, struct sweep *s) {
    const struct store_result *result = &s->q.call.result;
    const struct kv *kv = result->kv_count > 0 ? &result->kvs[0] : NULL;
    struct slice key = s->suspects[s->suspect_next];

    if (!s->touched && sweep_differs(c, key, kv, s->q.call.revision)) {
        is_different(c, s, key, kv);
    }
    s->suspect_next++;
    if (s->suspect_next == s->suspect_count) {
        forget_suspects(s);
    }
}

/* --- a page --- */

static bool go_on_behind(struct sweep *s, struct slice key) {
    char *from = malloc(key.size + 1);

    if (from == NULL) {
        return false;
    }
    memcpy(from, key.data, key.size);
    from[key.size] = '\0';
    free(s->from);
    s->from = from;
    s->from_size = key.size + 1;
    return true;
}

static void next_mirror(struct sweep *s) {
    s->mirror++;
    free(s->from);
    s->from = NULL;
}

static void ask_mirror(struct sweep *s, const struct mirror *m) {
    s->q.call.op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range =
            {
                .span = {.key = s->from != NULL ? slice_make(s->from, s->from_size) : m->span.key,
                         .range_end = m->span.range_end},
                .limit = s->limit,
            },
    };
}

/* A key and, with one byte more, the first one behind it. */
static bool add_key(struct sweep *s, struct slice key) {
    char *place = arena_alloc(&s->q.arena, key.size + 1);

    if (place == NULL) {
        return false;
    }
    memcpy(place, key.data, key.size);
    place[key.size] = '\0';
    s->keys[s->key_count++] = slice_make(place, key.size);
    return true;
}

/* The next keys that are known outside of mirrors. False: no memory. */
static bool gather(struct coherence *c, struct sweep *s) {
    struct slice from = s->from != NULL ? slice_make(s->from, s->from_size) : c->config.span.key;
    size_t most = s->limit < COHERENCE_TXN_KEYS ? (size_t)s->limit : COHERENCE_TXN_KEYS;
    struct kv known;

    while (s->key_count < most && keyspace_seek(c->keys, from, &known) != KEYSPACE_UNKNOWN &&
           store_span_contains(&c->config.span, known.key)) {
        const struct mirror *m = mirror_of_key(c, known.key);

        if (m != NULL && mirror_is_loaded(m)) {
            if (store_span_is_open(&m->span)) {
                break;
            }
            from = m->span.range_end;
            continue;
        }
        if (!add_key(s, known.key)) {
            return false;
        }
        from = slice_make(s->keys[s->key_count - 1].data, s->keys[s->key_count - 1].size + 1);
    }
    return true;
}

static bool ask_keys(struct sweep *s) {
    struct store_op *ops = arena_calloc(&s->q.arena, s->key_count, sizeof(*ops));

    if (ops == NULL) {
        return false;
    }
    for (size_t i = 0; i < s->key_count; i++) {
        ops[i] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = s->keys[i]}}};
    }
    s->q.call.op = (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = ops, .success_count = s->key_count}};
    return true;
}

/* --- one step after the other --- */

static void rest(struct coherence *c, struct sweep *s, int64_t wait_ns) {
    s->stage = SWEEP_RESTS;
    s->next_ns = time_after(now_of(c), wait_ns);
}

static void failed(struct coherence *c, struct sweep *s, enum store_status status) {
    bool too_large = status == STORE_TOO_LARGE || status == STORE_NO_MEMORY;

    if (too_large && s->limit > 1) {
        s->limit /= 2;
        rest(c, s, 0);
        return;
    }
    end_audit(c, s, status);
    rest(c, s, coherence_backoff(c, &s->backoff_ns));
}

static void end_pass(struct coherence *c, struct sweep *s) {
    end_audit(c, s, STORE_OK);
    stop(s);
    rest(c, s, c->config.sweep_pause_ns);
}

static void is_answered(struct coherence *c, struct question *q) {
    struct sweep *s = c->sweep;

    if (q->generation != c->generation || s->stage != SWEEP_ASKED) {
        return;
    }
    if (q->call.status != STORE_OK) {
        failed(c, s, q->call.status);
        return;
    }
    if (question_confirms(c, q)) {
        s->backoff_ns = COHERENCE_BACKOFF_MIN_NS;
        s->stage = SWEEP_COMPARES;
        s->compare_by_ns =
            time_after(now_of(c), c->config.proof == COHERENCE_BY_QUESTION ? c->config.prove_wait_ns
                                                                           : c->config.request_timeout_ns);
    }
}

static void ask(struct coherence *c, struct sweep *s) {
    s->stage = SWEEP_ASKED;
    s->touched = false;
    question_ask(c, &s->q, is_answered, time_after(now_of(c), c->config.request_timeout_ns));
}

/* The key is the question's own: a reset forgets the suspects while it may still be under way. */
static void ask_suspect(struct coherence *c, struct sweep *s) {
    struct slice key;

    if (!arena_copy(&s->q.arena, s->suspects[s->suspect_next], &key)) {
        failed(c, s, STORE_NO_MEMORY);
        return;
    }
    s->q.call.op = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = key}}};
    ask(c, s);
}

static void ask_next(struct coherence *c, struct sweep *s) {
    question_init(c, &s->q);
    s->key_count = 0;
    if (s->suspect_next < s->suspect_count) {
        ask_suspect(c, s);
        return;
    }
    while (s->mirror < c->mirror_count && !mirror_is_loaded(&c->mirrors[s->mirror])) {
        next_mirror(s);
    }
    if (s->mirror < c->mirror_count) {
        ask_mirror(s, &c->mirrors[s->mirror]);
        ask(c, s);
    } else if (!gather(c, s) || (s->key_count > 0 && !ask_keys(s))) {
        failed(c, s, STORE_NO_MEMORY);
    } else if (s->key_count > 0) {
        ask(c, s);
    } else {
        end_pass(c, s);
    }
}

static bool compare_page(struct coherence *c, struct sweep *s) {
    const struct store_result *result = &s->q.call.result;

    if (s->key_count > 0) {
        return sweep_compare_keys(c, s) && go_on_behind(s, s->keys[s->key_count - 1]);
    }
    if (!sweep_compare_mirror(c, s)) {
        return false;
    }
    s->limit = coherence_next_limit(s->limit, result);
    if (result->more && result->kv_count > 0) {
        return go_on_behind(s, result->kvs[result->kv_count - 1].key);
    }
    next_mirror(s);
    return true;
}

static void compare(struct coherence *c, struct sweep *s) {
    if (applied_now(c) < s->q.call.revision && c->config.proof != COHERENCE_BY_QUESTION) {
        failed(c, s, STORE_TIMEOUT); /* the watch is too far behind */
        return;
    }
    if (s->suspect_next < s->suspect_count) {
        compare_suspect(c, s);
    } else if (!compare_page(c, s)) {
        forget_suspects(s);
        failed(c, s, STORE_NO_MEMORY);
        return;
    }
    rest(c, s, s->hurried || s->suspect_count > 0 ? 0 : c->config.sweep_pause_ns);
}

/* Whether a new pass has to begin; an audit, or a watch that was lost, does not wait for the one under way. */
static bool is_wanted(const struct coherence *c, const struct sweep *s, int64_t now_ns) {
    if (s->wished && atomic_load_explicit(&c->watching, memory_order_relaxed)) {
        return true;
    }
    if (s->audits.first != NULL && audit_of(s) == NULL) {
        return true;
    }
    return !s->running && c->config.sweep_pause_ns > 0 && now_ns >= s->next_ns;
}

void coherence_sweep_step(struct coherence *c, int64_t now_ns) {
    struct sweep *s = c->sweep;

    if (!is_ready(c)) {
        return;
    }
    if (s->stage == SWEEP_COMPARES && (applied_now(c) >= s->q.call.revision || now_ns >= s->compare_by_ns)) {
        compare(c, s);
    }
    while (!s->q.under_way && is_ready(c)) {
        if (is_wanted(c, s, now_ns)) {
            start(c, s);
        }
        if (!s->running || s->stage != SWEEP_RESTS || now_ns < s->next_ns) {
            break;
        }
        ask_next(c, s);
    }
}

int64_t sweep_needs(const struct coherence *c) {
    return c->sweep->stage == SWEEP_COMPARES ? c->sweep->q.call.revision : 0;
}

int64_t sweep_wake_ns(const struct coherence *c) {
    const struct sweep *s = c->sweep;

    if (s->stage == SWEEP_COMPARES) {
        return s->compare_by_ns;
    }
    return s->stage == SWEEP_RESTS && !s->q.under_way && (s->running || c->config.sweep_pause_ns > 0) ? s->next_ns
                                                                                                      : INT64_MAX;
}
