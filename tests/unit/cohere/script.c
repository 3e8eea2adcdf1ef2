/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <stdlib.h>
#include <string.h>

static int64_t world_now(void *ctx) {
    return ((struct script *)ctx)->now_ns;
}

static void world_wake_at(void *ctx, int64_t at_ns) {
    ((struct script *)ctx)->wake_ns = at_ns;
}

static void world_submit(void *ctx, struct store_call *call) {
    struct script *s = ctx;

    arena_fini(&call->arena); /* as an engine does: nothing of what is asked may be in it */
    assert_true(s->asked_count < SCRIPT_CALLS);
    assert_true(call->deadline_ns > 0);
    s->asked[s->asked_count++] = call;
}

static void world_watch(void *ctx, int64_t start_revision) {
    struct script *s = ctx;

    s->watched_from = start_revision;
    s->watches++;
}

static void world_ask_progress(void *ctx) {
    ((struct script *)ctx)->progress_asked++;
}

static void world_tell(void *ctx, const struct kv_event *events, size_t count, int64_t applied) {
    struct script *s = ctx;

    assert_true(count == 0 || events[count - 1].kv.mod_revision == applied);
    assert_true(applied > s->told);
    assert_true(s->machine == NULL || coherence_applied(s->machine) <= applied);
    s->told = applied;
    s->told_events += count;
}

static void world_tell_early(void *ctx, const struct kv_event *event) {
    struct script *s = ctx;

    s->early++;
    s->early_revision = event->kv.mod_revision;
    s->early_delete = event->kind == KV_EVENT_DELETE;
}

static void world_reset(void *ctx, bool rewound) {
    struct script *s = ctx;

    s->resets++;
    s->rewound += rewound;
    s->told = 0;
}

static void world_retired_shows(void *ctx, const struct store_call *call) {
    struct script *s = ctx;

    assert_int_equal(call->status, STORE_OK);
    s->retired_shown++;
}

static const struct coherence_policy *world_policy(void *ctx, struct slice key) {
    struct script *s = ctx;

    return slice_has_prefix(key, SLICE("x/")) ? NULL : &s->policy;
}

static const char zero[1] = {0};

void script_init(struct script *s) {
    const struct keyspace_config keys = {.memory = 1 << 20, .mirror_memory = 1 << 20, .seed = 1};

    memset(s, 0, sizeof(*s));
    s->keys = keyspace_new(&keys);
    assert_non_null(s->keys);
    s->now_ns = 1000 * MS;
    s->wake_ns = INT64_MAX;
    s->policy = (struct coherence_policy){.keeps = true, .stale_limit_ns = 5000 * MS};
    s->world = (struct coherence_world){
        .now_ns = world_now,
        .wake_at = world_wake_at,
        .submit = world_submit,
        .watch = world_watch,
        .ask_progress = world_ask_progress,
        .tell = world_tell,
        .tell_early = world_tell_early,
        .reset = world_reset,
        .retired_shows = world_retired_shows,
        .policy = world_policy,
    };
    coherence_config_init(&s->config);
    s->config.span = (struct store_span){slice_make(zero, 1), slice_make(zero, 1)};
    s->config.keyspace = s->keys;
}

void script_make(struct script *s) {
    s->machine = coherence_new(&s->config, &s->world, s);
    assert_non_null(s->machine);
    coherence_start(s->machine);
    script_run(s);
}

void script_fini(struct script *s) {
    while (s->asked_count > 0) {
        script_answer(s, s->asked[0], STORE_CLOSED, 0);
        if (s->now_ns > INT64_MAX / 2) {
            break;
        }
    }
    coherence_free(s->machine);
    keyspace_free(s->keys);
}

void script_begin(struct script *s, int64_t revision) {
    script_make(s);
    script_answer_round(s, revision);
    assert_int_equal(s->watched_from, revision + 1);
    coherence_watching(s->machine, revision);
    script_run(s);
}

void script_run(struct script *s) {
    coherence_run(s->machine);
}

void script_pass(struct script *s, int64_t ns) {
    int64_t end_ns = s->now_ns + ns;

    while (s->wake_ns <= end_ns) {
        s->now_ns = s->wake_ns > s->now_ns ? s->wake_ns : s->now_ns;
        s->wake_ns = INT64_MAX;
        script_run(s);
    }
    s->now_ns = end_ns;
}

struct store_call *script_asked(struct script *s) {
    assert_true(s->asked_count > 0);
    return s->asked[0];
}

struct store_call *script_find(struct script *s, enum store_op_kind kind, const char *key) {
    for (size_t i = 0; i < s->asked_count; i++) {
        struct store_call *call = s->asked[i];
        struct slice its = kind == STORE_OP_RANGE    ? call->op.range.span.key
                           : kind == STORE_OP_PUT    ? call->op.put.key
                           : kind == STORE_OP_DELETE ? call->op.delete.span.key
                                                     : SLICE("");

        if (call->op.kind == kind && (key == NULL || slice_equal(its, slice_from_string(key)))) {
            return call;
        }
    }
    return NULL;
}

struct store_call *script_round(struct script *s) {
    for (size_t i = 0; i < s->asked_count; i++) {
        const struct store_op *op = &s->asked[i]->op;

        if (op->kind == STORE_OP_RANGE && op->range.count_only && slice_equal(op->range.span.key, s->config.span.key) &&
            op->range.span.range_end.size == 0) {
            return s->asked[i];
        }
    }
    return NULL;
}

void script_answer(struct script *s, struct store_call *call, enum store_status status, int64_t revision) {
    size_t i = 0;

    while (i < s->asked_count && s->asked[i] != call) {
        i++;
    }
    assert_true(i < s->asked_count);
    memmove(&s->asked[i], &s->asked[i + 1], (s->asked_count - i - 1) * sizeof(s->asked[0]));
    s->asked_count--;
    call->status = status;
    call->revision = revision;
    call->result.kind = call->op.kind;
    call->done(call);
}

void script_answer_round(struct script *s, int64_t revision) {
    struct store_call *call = script_round(s);

    assert_non_null(call);
    script_answer(s, call, STORE_OK, revision);
}

struct kv script_kv(const char *key, const char *value, int64_t mod) {
    return (struct kv){
        .key = slice_from_string(key),
        .value = slice_from_string(value),
        .create_revision = mod,
        .mod_revision = mod,
        .version = 1,
    };
}

void script_answer_key(struct script *s, struct store_call *call, int64_t revision, const char *value, int64_t mod) {
    assert_non_null(call);
    if (value[0] != '\0') {
        struct kv *kv = arena_alloc(&call->arena, sizeof(*kv));

        *kv = script_kv("", value, mod);
        assert_true(arena_copy(&call->arena, call->op.range.span.key, &kv->key));
        call->result.kvs = kv;
        call->result.kv_count = 1;
        call->result.count = 1;
    }
    script_answer(s, call, STORE_OK, revision);
}

void script_put(struct script *s, const char *key, const char *value, int64_t revision) {
    const struct kv_event event = {.kind = KV_EVENT_PUT, .kv = script_kv(key, value, revision)};

    coherence_events(s->machine, &event, 1);
    script_run(s);
}

void script_delete(struct script *s, const char *key, int64_t revision) {
    const struct kv_event event = {
        .kind = KV_EVENT_DELETE,
        .kv = {.key = slice_from_string(key), .mod_revision = revision},
    };

    coherence_events(s->machine, &event, 1);
    script_run(s);
}

static void is_done(struct store_call *call) {
    struct asker *a = (struct asker *)call;

    assert_false(a->done);
    a->done = true;
}

void ask_init(struct asker *a) {
    store_call_init(&a->call, is_done);
    a->done = false;
}

void ask_get(struct asker *a, const char *key) {
    ask_init(a);
    a->call.op = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = slice_from_string(key)}}};
}

void ask_range(struct asker *a, const char *key, const char *end) {
    ask_get(a, key);
    a->call.op.range.span.range_end = slice_from_string(end);
}

void ask_put(struct asker *a, const char *key, const char *value) {
    ask_init(a);
    a->call.op = (struct store_op){
        .kind = STORE_OP_PUT,
        .put = {.key = slice_from_string(key), .value = slice_from_string(value)},
    };
}

void ask_delete(struct asker *a, const char *key) {
    ask_init(a);
    a->call.op = (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = slice_from_string(key)}}};
}

void ask(struct script *s, struct asker *a) {
    coherence_submit(s->machine, &a->call);
    script_run(s);
}

void ask_linearizable(struct script *s, struct asker *a, const char *key) {
    ask_get(a, key);
    ask(s, a);
}

bool ask_memory(struct script *s, struct asker *a, const char *key, int64_t age_ns) {
    bool good;

    ask_get(a, key);
    a->call.op.range.max_age_ns = age_ns;
    good = coherence_try(s->machine, &a->call);
    assert_false(a->done);
    if (good) {
        assert_true(a->call.from_memory);
        assert_true(a->call.age_ns <= age_ns);
        a->done = true;
    } else {
        store_call_fini(&a->call);
    }
    return good;
}

void answered_with(struct asker *a, const char *value, int64_t revision) {
    assert_true(a->done);
    assert_int_equal(a->call.status, STORE_OK);
    if (value[0] == '\0') {
        assert_int_equal(a->call.result.kv_count, 0);
    } else {
        assert_int_equal(a->call.result.kv_count, 1);
        assert_true(slice_equal(a->call.result.kvs[0].value, slice_from_string(value)));
    }
    assert_int_equal(a->call.revision, revision);
    store_call_fini(&a->call);
}

void ended_with(struct asker *a, enum store_status status) {
    assert_true(a->done);
    assert_int_equal(a->call.status, status);
    store_call_fini(&a->call);
}

struct coherence_figures script_figures(struct script *s) {
    struct coherence_figures figures;

    coherence_get_figures(s->machine, &figures);
    return figures;
}

void script_know(struct script *s, const char *key, const char *value, int64_t mod, int64_t revision) {
    struct asker a;

    ask_linearizable(s, &a, key);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, key), revision, value, mod);
    answered_with(&a, value, revision);
}
