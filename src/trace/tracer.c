/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/tracer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "trace/context.h"

void tracer_init(struct tracer *t, const struct sampler *sampler, bool keeps_errors, uint64_t seed, size_t queue_max,
                 size_t batch_max, span_encode_fn *encode) {
    *t = (struct tracer){.sampler = *sampler, .keeps_errors = keeps_errors, .seed = seed, .encode = encode};
    process_mark_init(&t->mark);
    span_queue_init(&t->queue, queue_max, batch_max);
}

void tracer_fini(struct tracer *t) {
    span_queue_fini(&t->queue);
    process_mark_fini(&t->mark);
}

/* Never zero, which would be no id. */
static void write_id(struct random *r, uint8_t *bytes) {
    uint64_t id;

    do {
        id = random_next(r);
    } while (id == 0);
    memcpy(bytes, &id, sizeof(id));
}

/* What is known of a span before there is one. */
struct identity {
    struct trace_context context;
    bool records;
};

static void decide(const struct tracer *t, const struct trace_context *parent, struct identity *i) {
    bool sampled = sampler_decide(&t->sampler, parent, i->context.trace_id);

    i->context.flags = sampled ? TRACE_FLAG_SAMPLED : 0;
    i->records = sampled || t->keeps_errors;
}

/* Each span has a generator of its own, whose seed is the next number: no lock, and no two alike. */
static struct identity choose(struct tracer *t, const struct trace_context *parent) {
    struct identity i;
    struct random r;

    random_init(&r, t->seed + atomic_fetch_add_explicit(&t->next_id, 1, memory_order_relaxed));
    write_id(&r, i.context.span_id);
    if (parent != NULL) {
        memcpy(i.context.trace_id, parent->trace_id, TRACE_ID_SIZE);
    } else {
        write_id(&r, i.context.trace_id);
        write_id(&r, i.context.trace_id + sizeof(uint64_t));
    }
    decide(t, parent, &i);
    return i;
}

/* What a span hangs on. */
struct place {
    const struct trace_context *parent; /* NULL: on nothing, it is a root */
    struct slice state;
    bool is_remote;
    const struct span *span; /* the parent, if it is at hand: it has decided what time it is in the trace */
};

static void hang(struct span *span, const struct place *place) {
    if (place->parent != NULL) {
        memcpy(span->parent_id, place->parent->span_id, TRACE_SPAN_ID_SIZE);
        (void)span_set_state(span, place->state);
        span->parent_is_remote = place->is_remote;
    }
    span->clock_offset_ns = place->span != NULL ? place->span->clock_offset_ns : clock_wall_ns() - clock_monotonic_ns();
}

static struct span *make(struct tracer *t, const struct identity *identity, struct slice name, enum span_kind kind,
                         const struct place *place, int64_t start_ns) {
    struct span *span = process_mark_is_foreign(&t->mark) ? malloc(sizeof(*span)) : span_queue_new(&t->queue);

    if (span == NULL) {
        atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
        return NULL;
    }
    span_init(span, name, kind);
    span->tracer = t;
    span->context = identity->context;
    span->records = identity->records;
    hang(span, place);
    span->start_ns = span_time_ns(span, start_ns);
    return span;
}

static struct span *begin(struct tracer *t, struct slice name, enum span_kind kind, const struct place *place) {
    const struct identity identity = choose(t, place->parent);

    return make(t, &identity, name, kind, place, clock_monotonic_ns());
}

/* None that would not record. */
static struct span *begin_recording(struct tracer *t, struct slice name, enum span_kind kind, const struct place *place,
                                    int64_t start_ns) {
    const struct identity identity = choose(t, place->parent);

    return identity.records ? make(t, &identity, name, kind, place, start_ns) : NULL;
}

static struct place under(const struct span *parent) {
    return parent == NULL ? (struct place){0}
                          : (struct place){.parent = &parent->context, .state = parent->state, .span = parent};
}

struct span *tracer_begin(struct tracer *t, struct slice name, enum span_kind kind, const struct span *parent) {
    const struct place place = under(parent);

    return begin(t, name, kind, &place);
}

struct span *tracer_begin_leaf(struct tracer *t, struct slice name, enum span_kind kind, const struct span *parent,
                               int64_t start_ns) {
    const struct place place = under(parent);

    return begin_recording(t, name, kind, &place, start_ns);
}

struct span *tracer_begin_remote(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_context *parent, struct slice state) {
    const struct place place = {.parent = parent, .state = state, .is_remote = true};

    return begin(t, name, kind, &place);
}

struct span *tracer_begin_served(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_context *parent, struct slice state, int64_t start_ns) {
    const struct place place = {.parent = parent, .state = state, .is_remote = true};

    return begin_recording(t, name, kind, &place, start_ns);
}

struct span *tracer_begin_within(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_scope *scope, int64_t start_ns) {
    struct place place;

    if (t == NULL || scope == NULL) {
        return NULL;
    }
    place = (struct place){.parent = &scope->context, .state = trace_scope_state(scope)};
    return begin_recording(t, name, kind, &place, start_ns);
}

struct span *tracer_begin_drawn(struct tracer *t, struct random *dice, struct slice name, enum span_kind kind,
                                int64_t start_ns) {
    const struct place root = {0};
    struct identity identity = {0};

    write_id(dice, identity.context.trace_id + sizeof(uint64_t)); /* the half that decides */
    decide(t, NULL, &identity);
    if (__builtin_expect(!identity.records, 1)) {
        return NULL;
    }
    write_id(dice, identity.context.trace_id);
    write_id(dice, identity.context.span_id);
    return make(t, &identity, name, kind, &root, start_ns);
}

static bool is_wanted(const struct span *span) {
    return trace_context_is_sampled(&span->context) || (span->tracer->keeps_errors && span->status == SPAN_ERROR);
}

static void put(struct tracer *t, const struct span *span) {
    char bytes[SPAN_ENCODED_MAX];
    struct buf encoded = {.data = bytes, .capacity = sizeof(bytes), .limit = sizeof(bytes)};
    enum larder_error error = t->encode(span, &encoded);

    assert(error == LARDER_OK && encoded.data == bytes); /* a span has ceilings: what it becomes has room */
    (void)error;
    (void)span_queue_put(&t->queue, buf_slice(&encoded));
}

void tracer_end(struct span *span, int64_t monotonic_ns) {
    struct tracer *t;

    if (span == NULL) {
        return;
    }
    t = span->tracer;
    if (process_mark_is_foreign(&t->mark)) {
        free(span); /* the lock is as it was when the fork came */
        return;
    }
    if (is_wanted(span)) {
        span->end_ns = span_time_ns(span, monotonic_ns);
        if (span->end_ns < span->start_ns) {
            span->end_ns = span->start_ns;
        }
        put(t, span);
    }
    span_queue_give_back(&t->queue, span);
}
