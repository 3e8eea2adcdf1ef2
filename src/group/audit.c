/* SPDX-License-Identifier: Apache-2.0 */
#include "group/audit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/walk.h"
#include "group/durable_op.h"

enum {
    COPIES_MAX = 256, /* that are taken from the table at a time */
    WALK_STEPS = 8,   /* of the table, before the worker does something else */
    KEY_ROOM = GROUP_PREFIX_MAX + REQUEST_KEY_MAX,
};

/* A copy as the table had it. */
struct audit_copy {
    int64_t revision; /* its cas */
    uint8_t key_size;
    char key[REQUEST_KEY_MAX]; /* the clients' */
    uint16_t group;
};

struct audit {
    struct pending pending; /* first */
    struct durable *durable;
    struct worker_telemetry *telemetry;
    bool is_ordered;             /* else it is a patrol's */
    struct audit_patrol *patrol; /* NULL: it has ended, or there is none */
    bool parked;                 /* until the patrol goes on */
    struct table_walk walk;
    size_t skip; /* entries at the walk's place that were taken already: there were too many */
    bool walked; /* there is nothing more in the table */
    struct audit_copy copies[COPIES_MAX];
    size_t count;
    size_t met;      /* by the step of the walk */
    size_t compared; /* of `copies`, and the place of those that are being asked for */
    size_t asked;
    bool suspect[STORE_TXN_OPS_MAX]; /* of those */
    int64_t revision;                /* as of which the store has answered about them */
    unsigned attempts;
    struct store_op ops[STORE_TXN_OPS_MAX];
    char store_keys[STORE_TXN_OPS_MAX][KEY_ROOM];
    struct arena kept; /* of the keys of the report */
    struct audit_report report;
    struct slice report_keys[AUDIT_KEYS_MAX];
};

static struct audit *audit_of(struct pending *p) {
    return (struct audit *)(void *)p;
}

static void free_audit(struct pending *p) {
    struct audit *a = audit_of(p);

    if (a->is_ordered) {
        atomic_store(&a->durable->auditing, false);
    }
    if (a->patrol != NULL) {
        a->patrol->audit = NULL;
        a->patrol->next_ns = a->durable->now_ns() + AUDIT_PAUSE_S * CLOCK_NS_PER_S;
    }
    durable_discharge(a->durable, AUDIT_MEMORY);
    arena_fini(&a->kept);
    free(a);
}

static enum pending_next end(struct audit *a, enum result result) {
    a->pending.reply.result = result;
    return PENDING_DONE;
}

static enum pending_next fail(struct audit *a, enum store_status status) {
    return end(a, durable_read_result_of(status));
}

/* Lets the worker do something else before `step`. */
static enum pending_next yield_to(struct audit *a, durable_step *step) {
    a->pending.step = step;
    if (a->is_ordered) {
        pending_post(&a->pending);
    } else if (a->patrol == NULL) {
        return end(a, RESULT_DONE);
    } else {
        a->parked = true;
    }
    return PENDING_WAIT;
}

/* Names the key in the report, if it still names any. False: no memory. */
static bool name_key(struct audit *a, struct slice store_key) {
    char *place;

    if (a->report.key_count == AUDIT_KEYS_MAX) {
        return true;
    }
    place = arena_alloc(&a->kept, store_key.size);
    if (place == NULL) {
        return false;
    }
    memcpy(place, store_key.data, store_key.size);
    a->report_keys[a->report.key_count++] = slice_make(place, store_key.size);
    return true;
}

/* --- the table --- */

static const struct group_policy *policy_of(const struct audit *a, unsigned group) {
    const struct group_set *groups = a->durable->groups;

    return group < groups->count && group_policy_is_store(&groups->policies[group]) ? &groups->policies[group] : NULL;
}

static void take_copy(void *ctx, struct entry *e) {
    struct audit *a = ctx;

    if (policy_of(a, e->group) == NULL) {
        return;
    }
    if (a->met++ >= a->skip && a->count < COPIES_MAX) {
        struct audit_copy *copy = &a->copies[a->count++];

        copy->revision = (int64_t)e->cas;
        copy->group = e->group;
        copy->key_size = e->key_size;
        memcpy(copy->key, e->data, e->key_size);
    }
}

/* One step of the walk. If it meets more copies than there is room for, the next one begins at the same place. */
static void walk_on(struct audit *a) {
    struct table_walk before = a->walk;
    size_t had = a->count;

    a->met = 0;
    a->walked = !table_walk_step(a->durable->copies.table, &a->walk, take_copy, a);
    if (a->met > a->skip + (a->count - had)) {
        a->walk = before;
        a->skip += a->count - had;
    } else {
        a->skip = 0;
    }
}

static durable_step ask;

static enum pending_next collect(struct pending *p) {
    struct audit *a = audit_of(p);

    a->count = 0;
    a->compared = 0;
    for (int i = 0; i < WALK_STEPS && !a->walked && a->count < STORE_TXN_OPS_MAX; i++) {
        walk_on(a);
    }
    if (a->count > 0) {
        return ask(p);
    }
    return a->walked ? end(a, RESULT_DONE) : yield_to(a, collect);
}

static enum pending_next go_on(struct audit *a) {
    a->compared += a->asked;
    return yield_to(a, a->compared < a->count ? ask : collect);
}

/* --- the comparison --- */

static uint32_t table_now(const struct audit *a) {
    return table_seconds(a->durable->start_ns, a->durable->now_ns());
}

/* `certain`: the observer was told of everything that the store has answered with, so what is still there is wrong. Else it may
 * only be late; then it is taken out, to be on the safe side, and is no difference. */
static enum pending_next look_again(struct audit *a, bool certain) {
    for (size_t i = 0; i < a->asked; i++) {
        const struct audit_copy *copy = &a->copies[a->compared + i];
        struct slice store_key = a->ops[i].range.span.key;

        if (!a->suspect[i] ||
            !copies_drop(&a->durable->copies, slice_make(copy->key, copy->key_size), copy->revision, table_now(a))) {
            continue;
        }
        if (!certain) {
            continue;
        }
        a->report.differences++;
        telemetry_count(a->telemetry, COUNTER_AUDIT_DIFFERENCES, 1);
        log_error("a copy was not what the store has; it was taken out", log_key(store_key),
                  log_number("revision", copy->revision), log_number("compared-at", a->revision));
        if (!name_key(a, store_key)) {
            return end(a, RESULT_NO_MEMORY);
        }
    }
    return go_on(a);
}

static enum pending_next catch_up(struct audit *a);

static enum pending_next on_caught_up(struct pending *p) {
    struct audit *a = audit_of(p);

    return p->call.status != STORE_OK ? fail(a, p->call.status) : catch_up(a);
}

/* A linearizable read takes care that the observer is told. */
static enum pending_next catch_up(struct audit *a) {
    struct pending *p = &a->pending;

    if (store_revision(p->store) >= a->revision) {
        return look_again(a, true);
    }
    if (a->attempts++ == AUDIT_ATTEMPTS_MAX) {
        return look_again(a, false);
    }
    pending_renew_call(p);
    p->call.op =
        (struct store_op){.kind = STORE_OP_RANGE, .range = {.span.key = a->ops[0].range.span.key, .keys_only = true}};
    p->step = on_caught_up;
    return PENDING_CALL;
}

static enum pending_next on_answer(struct pending *p) {
    struct audit *a = audit_of(p);
    size_t compared = 0;
    bool any = false;

    if (p->call.status != STORE_OK) {
        return fail(a, p->call.status);
    }
    a->revision = p->call.revision;
    for (size_t i = 0; i < a->asked; i++) {
        const struct store_result *result = &p->call.result.results[i];
        int64_t copy = a->copies[a->compared + i].revision;
        int64_t found = result->kv_count > 0 ? result->kvs[0].mod_revision : 0;
        bool comparable = copy <= a->revision;

        compared += comparable;
        a->suspect[i] = comparable && found != copy;
        any = any || a->suspect[i];
    }
    a->report.compared += compared;
    telemetry_count(a->telemetry, COUNTER_AUDIT_COMPARED, compared);
    a->attempts = 0;
    return any ? catch_up(a) : go_on(a);
}

/* One transaction about as many of the copies as it may have operations. */
static enum pending_next ask(struct pending *p) {
    struct audit *a = audit_of(p);
    size_t left = a->count - a->compared;

    a->asked = left < STORE_TXN_OPS_MAX ? left : STORE_TXN_OPS_MAX;
    for (size_t i = 0; i < a->asked; i++) {
        const struct audit_copy *copy = &a->copies[a->compared + i];
        struct slice key = slice_make(copy->key, copy->key_size);

        a->ops[i] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.keys_only = true, .direct = true}};
        a->ops[i].range.span.key = group_store_key(policy_of(a, copy->group), key, a->store_keys[i]);
    }
    pending_renew_call(p);
    p->call.op = (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = a->ops, .success_count = a->asked}};
    p->step = on_answer;
    return PENDING_CALL;
}

/* --- what the store keeps itself --- */

static enum pending_next on_store_audited(struct pending *p) {
    struct audit *a = audit_of(p);
    const struct store_result *result = &p->call.result;

    if (p->call.status == STORE_UNSUPPORTED) {
        return yield_to(a, collect); /* it keeps nothing */
    }
    if (p->call.status != STORE_OK) {
        return fail(a, p->call.status);
    }
    a->report.compared = result->audit_compared;
    a->report.differences = result->audit_differences;
    for (size_t i = 0; i < result->audit_key_count; i++) {
        if (!name_key(a, result->audit_keys[i])) {
            return end(a, RESULT_NO_MEMORY);
        }
    }
    return yield_to(a, collect);
}

static enum pending_next begin(struct pending *p) {
    struct audit *a = audit_of(p);

    pending_renew_call(p);
    p->call.op.kind = STORE_OP_AUDIT;
    p->call.deadline_ns = a->durable->now_ns() + AUDIT_TIME_MAX_S * CLOCK_NS_PER_S;
    p->step = on_store_audited;
    return PENDING_CALL;
}

/* NULL: no memory. */
static struct audit *audit_new(const struct durable_access *access, durable_step *step) {
    struct durable *d = access->durable;
    struct audit *a;

    _Static_assert(sizeof(struct audit) <= AUDIT_MEMORY, "an audit counts for less than it takes");
    if (!durable_charge(d, AUDIT_MEMORY)) {
        return NULL;
    }
    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        durable_discharge(d, AUDIT_MEMORY);
        return NULL;
    }
    pending_init(&a->pending, access->completions, d->store, step, free_audit);
    a->durable = d;
    a->telemetry = access->telemetry;
    a->report.keys = a->report_keys;
    arena_init(&a->kept, STORE_ANSWER_MAX);
    return a;
}

void audit_run(const struct durable_access *access, struct reply *reply) {
    struct durable *d = access->durable;
    struct audit *a;

    if (atomic_exchange(&d->auditing, true)) {
        reply->result = RESULT_TOO_MANY_REQUESTS;
        return;
    }
    a = audit_new(access, begin);
    if (a == NULL) {
        atomic_store(&d->auditing, false);
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    a->is_ordered = true;
    pending_start(&a->pending, reply);
}

void audit_report_of(const struct reply *reply, struct audit_report *ret_report) {
    const struct audit *a = reply->held;

    assert(reply->result == RESULT_DONE);
    *ret_report = a->report;
}

/* --- in the background --- */

static void begin_round(struct audit_patrol *patrol, const struct durable_access *access) {
    struct audit *a = audit_new(access, collect);
    struct reply reply;

    if (a != NULL) {
        a->patrol = patrol;
        patrol->audit = a;
        pending_start(&a->pending, &reply);
        if (reply.result != RESULT_PENDING) {
            reply_release(&reply);
        }
    }
}

void audit_patrol_run(struct audit_patrol *patrol, const struct durable_access *access) {
    struct audit *a = patrol->audit;

    if (access->now_ns < patrol->next_ns || (a != NULL && !a->parked)) {
        return;
    }
    patrol->next_ns = access->now_ns + AUDIT_STEP_S * CLOCK_NS_PER_S;
    if (a != NULL) {
        a->parked = false;
        pending_post(&a->pending);
        return;
    }
    begin_round(patrol, access);
}

void audit_patrol_end(struct audit_patrol *patrol) {
    struct audit *a = patrol->audit;

    if (a == NULL) {
        return;
    }
    a->patrol = NULL; /* if it is not parked it ends with the answer that it waits for */
    patrol->audit = NULL;
    if (a->parked) {
        store_call_fini(&a->pending.call);
        free_audit(&a->pending);
    }
}
