/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cohere/near_internal.h"
#include "store/span.h"

/* A part: a machine, the watch that it is told by, and whom it tells. */

/* So long a watch goes on to bring previous values that nobody wants any more: who watches may soon come again. */
#define PREVIOUS_UNWANTED_NS (10 * CLOCK_NS_PER_S)

static const char not_as_a_whole[] = "this user may not read every key";

static bool is_in_use(const struct near_part *part) {
    return near_set_now(part->near) == part->set;
}

/* --- the watch's events --- */

static void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
    struct near_part *part = ctx;

    (void)revision;
    near_enter(part->near);
    part->touched = true;
    coherence_events(part->machine, events, count);
    near_leave(part->near);
}

static void on_created(void *ctx, int64_t revision) {
    struct near_part *part = ctx;

    near_enter(part->near);
    part->touched = true;
    coherence_watching(part->machine, revision);
    near_leave(part->near);
}

static void on_progress(void *ctx, int64_t revision) {
    struct near_part *part = ctx;

    near_enter(part->near);
    part->touched = true;
    coherence_progress(part->machine, revision);
    near_leave(part->near);
}

static void on_lost(void *ctx) {
    struct near_part *part = ctx;

    near_enter(part->near);
    part->touched = true;
    coherence_lost(part->machine);
    near_leave(part->near);
}

/* The machine says what it means for what is known; here is what the cluster said. */
static void say_end(const struct near_part *part, enum store_status status, struct slice text) {
    char prefix[SLICE_ESCAPED_MAX];

    log_info("the cluster has ended a watch", log_string("prefix", slice_escape(part->prefix, prefix)),
             log_string("reason", store_status_text(status)), log_slice("text", text));
}

static void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    struct near_part *part = ctx;

    near_enter(part->near);
    say_end(part, status, text);
    part->touched = true;
    etcd_watch_close(part->watch);
    part->watch = NULL;
    if (status == STORE_DENIED && part->set->watch == NEAR_WATCH_ALL) {
        near_want_other(part->set, not_as_a_whole);
    }
    coherence_ended(part->machine, status, compact_revision);
    near_leave(part->near);
}

static const struct etcd_watch_events watch_events = {
    .on_events = on_events,
    .on_created = on_created,
    .on_progress = on_progress,
    .on_lost = on_lost,
    .on_end = on_end,
};

/* --- the machine's world --- */

static int64_t now_ns(void *ctx) {
    (void)ctx;
    return clock_monotonic_ns();
}

static void wake_at(void *ctx, int64_t at_ns) {
    struct near_part *part = ctx;

    part->wake_ns = at_ns;
    near_want_turn(part->near);
}

static void submit(void *ctx, struct store_call *call) {
    struct near_part *part = ctx;

    assert(part->near->cluster != NULL);
    etcd_store_submit_here(part->near->cluster, call);
}

/* Watchers are told of everything from here on. What lies between this and what they were told before they ask the cluster for. */
static void begin_watchers(struct near_part *part, int64_t start_revision) {
    if (part->told == start_revision - 1 && part->told > 0) {
        return;
    }
    part->told = start_revision - 1;
    part->has_told = true;
    watches_begin(part->watches, part->told);
}

/* What the watch that begins here brings with its events. */
static void begin_previous(struct near_part *part, int64_t start_revision) {
    part->with_previous = !watches_end_previous(part->watches);
    if (part->with_previous) {
        watches_begin_previous(part->watches, start_revision - 1);
    }
}

static void watch(void *ctx, int64_t start_revision) {
    struct near_part *part = ctx;
    struct near_store *n = part->near;
    struct store_watch want = {.span = part->span, .start_revision = start_revision};

    if (n->ended || !is_in_use(part)) {
        return;
    }
    etcd_watch_close(part->watch);
    begin_watchers(part, start_revision);
    begin_previous(part, start_revision);
    want.want_previous = part->with_previous;
    part->watch = etcd_watch_open_alone(etcd_store_watches(n->cluster), &want, true, &watch_events, part);
    part->failed = part->watch == NULL;
    near_want_turn(n);
}

/* A watch cannot be told to bring more, or less: another one goes on where the machine is. What both bring is told once. */
static void change_watch(struct near_part *part) {
    int64_t applied = coherence_applied(part->machine);

    if (part->watch != NULL && applied > 0) {
        watch(part, applied + 1);
    }
}

/* Previous values are brought as soon as somebody wants them, and until nobody has wanted them for a while. */
static void look_at_wishes(struct near_part *part, int64_t at_ns) {
    bool wanted;

    if (!part->with_previous) {
        if (atomic_exchange(&part->wish_previous, false) && watches_wants_previous(part->watches)) {
            change_watch(part);
        }
        return;
    }
    wanted = watches_wants_previous(part->watches);
    if (wanted || part->unwanted_ns == 0) {
        part->unwanted_ns = wanted ? 0 : at_ns;
    } else if (at_ns - part->unwanted_ns >= PREVIOUS_UNWANTED_NS) {
        part->unwanted_ns = 0;
        change_watch(part);
    }
}

/* Any thread. */
static void want_previous(void *ctx) {
    struct near_part *part = ctx;
    struct near_store *n = part->near;

    atomic_store(&part->wish_previous, true);
    if (!atomic_exchange(&n->wished, true)) {
        etcd_store_post(n->cluster, &n->wishing);
    }
}

static void denied(void *ctx) {
    struct near_part *part = ctx;

    if (part->set->watch == NEAR_WATCH_ALL) {
        near_want_other(part->set, not_as_a_whole);
        near_want_turn(part->near);
    }
}

static void ask_progress(void *ctx) {
    struct near_part *part = ctx;
    struct near_store *n = part->near;

    if (n->ended || part->watch == NULL) {
        return;
    }
    if (etcd_watches_progress(etcd_store_watches(n->cluster)) == ETCD_PROGRESS_FALSE) {
        near_want_other(part->set, "what the cluster says of progress cannot be believed in this version");
        near_want_turn(n);
        return;
    }
    etcd_watch_ask_progress(part->watch);
}

/* Watchers first, for they cannot read what they are told of twice; then the copies. */
static void tell(void *ctx, const struct kv_event *events, size_t count, int64_t applied) {
    struct near_part *part = ctx;
    const struct near_store *n = part->near;

    if (!is_in_use(part)) {
        return;
    }
    if (part->told > 0) {
        watches_tell(part->watches, events, count, applied);
        part->told = applied > part->told ? applied : part->told;
        part->must_wake = true;
    }
    if (count > 0 && n->observer != NULL) {
        n->observer->events(n->observer_ctx, events, count);
    }
    near_want_turn(part->near);
}

static void tell_early(void *ctx, const struct kv_event *event) {
    struct near_part *part = ctx;
    const struct near_store *n = part->near;

    if (is_in_use(part) && n->observer != NULL && n->observer->early != NULL) {
        n->observer->early(n->observer_ctx, event);
    }
}

static void end_watchers(struct near_part *part) {
    if (part->has_told) {
        watches_reset(part->watches);
        part->has_told = false;
    }
}

/* If revisions did not go back, watchers have been told what is true: they go on behind the gap, see begin_watchers. */
static void reset(void *ctx, bool rewound) {
    struct near_part *part = ctx;
    const struct near_store *n = part->near;

    if (!is_in_use(part)) {
        return;
    }
    part->told = 0;
    if (rewound) {
        etcd_store_forget_revision(n->cluster);
        end_watchers(part);
    }
    if (n->observer != NULL && n->observer->reset != NULL) {
        n->observer->reset(n->observer_ctx);
    }
}

static void retired_shows(void *ctx, const struct store_call *call) {
    const struct near_part *part = ctx;

    near_show(part->near, call);
}

static const struct coherence_policy *policy(void *ctx, struct slice key) {
    const struct near_part *part = ctx;

    return part->near->policy(part->near->policy_ctx, key);
}

static const struct coherence_world world = {
    .now_ns = now_ns,
    .wake_at = wake_at,
    .submit = submit,
    .watch = watch,
    .denied = denied,
    .ask_progress = ask_progress,
    .tell = tell,
    .tell_early = tell_early,
    .reset = reset,
    .retired_shows = retired_shows,
    .policy = policy,
};

/* --- its life --- */

static void find_mirrors(const struct near_part *part, struct coherence_config *config) {
    const struct near_store *n = part->near;
    size_t first = 0;
    size_t count = 0;

    while (first < n->mirror_count && !slice_has_prefix(n->mirrors[first].key, part->prefix)) {
        first++;
    }
    while (first + count < n->mirror_count && slice_has_prefix(n->mirrors[first + count].key, part->prefix)) {
        count++;
    }
    config->mirrors = &n->mirrors[first];
    config->mirror_count = count;
}

static struct coherence *make_machine(struct near_part *part) {
    const struct near_store *n = part->near;
    struct coherence_config config;

    coherence_config_init(&config);
    config.span = part->span;
    config.proof = part->prefix.size == 0 ? COHERENCE_BY_EVENTS : part->set->proof;
    config.keyspace = part->set->keyspace;
    config.seed = random_os_seed();
    config.request_timeout_ns = n->request_timeout_ns;
    config.round_every_ns = near_round_every_ns(n);
    config.sweep_pause_ns = n->sweep_pause_ns;
    config.max_waiting = n->max_waiting;
    find_mirrors(part, &config);
    return coherence_new(&config, &world, part);
}

static struct watches *make_watches(struct near_part *part) {
    return watches_new(&(struct watches_config){
        .cluster = part->near->cluster,
        .span = part->span,
        .memory = part->near->watch_memory,
        .max_watchers = part->near->max_watchers,
        .want_previous = want_previous,
        .ctx = part,
        .engine = &near_engine,
    });
}

struct near_part *near_part_new(struct near_set *set, struct slice prefix) {
    struct near_part *part = calloc(1, sizeof(*part) + 2 * prefix.size + 1);

    if (part == NULL) {
        return NULL;
    }
    part->near = set->near;
    part->set = set;
    part->wake_ns = INT64_MAX;
    part->prefix = slice_make(part->bytes, prefix.size);
    if (prefix.size > 0) {
        memcpy(part->bytes, prefix.data, prefix.size);
    }
    part->span = store_span_of_prefix(part->prefix, part->bytes + prefix.size);
    part->watches = make_watches(part);
    part->machine = part->watches != NULL ? make_machine(part) : NULL;
    if (part->machine == NULL) {
        near_part_free(part);
        return NULL;
    }
    return part;
}

void near_part_free(struct near_part *part) {
    coherence_free(part->machine);
    watches_free(part->watches);
    free(part);
}

void near_part_start(struct near_part *part) {
    part->touched = true;
    coherence_start(part->machine);
}

void near_part_end(struct near_part *part) {
    etcd_watch_close(part->watch);
    part->watch = NULL;
}

void near_part_retire(struct near_part *part) {
    near_part_end(part);
    part->told = 0;
    end_watchers(part);
    part->touched = true;
    coherence_retire(part->machine);
}

void near_part_run(struct near_part *part, int64_t at_ns) {
    if (part->failed) {
        part->failed = false;
        part->touched = true;
        coherence_ended(part->machine, STORE_NO_MEMORY, 0);
    }
    look_at_wishes(part, at_ns);
    if (part->touched || part->wake_ns <= at_ns) {
        part->touched = false;
        part->wake_ns = part->wake_ns <= at_ns ? INT64_MAX : part->wake_ns;
        coherence_run(part->machine);
    }
    if (part->must_wake) {
        part->must_wake = false;
        watches_wake(part->watches);
    }
}
