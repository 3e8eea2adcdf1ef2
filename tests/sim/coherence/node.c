/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "parcel.h"
#include "trial.h"

enum { STEPS_MOST = 20 * 1000 * 1000, KEYSPACE_EVERY = 16, ROOM = 64 << 10 };

static struct sim *sim_of(struct node *node) {
    return &node->trial->sim;
}

/* --- the machines' world --- */

static int64_t now_ns(void *ctx) {
    struct node_machine *m = ctx;

    return m->trial->sim.now_ns;
}

static void run_machine(struct node_machine *m) {
    m->has_news = false;
    m->is_due = false;
    coherence_run(m->c);
    m->trial->node.turns++;
    ENSURE(m->trial->sim.steps < STEPS_MOST, "it never comes to rest");
    node_check(&m->trial->node, m->trial->node.turns % KEYSPACE_EVERY == 0);
}

static void woken(void *ctx) {
    struct node_machine *m = ctx;

    m->wake = NULL;
    if (m->trial->node.is_stalled) {
        m->is_due = true;
    } else {
        run_machine(m);
    }
}

static void wake_at(void *ctx, int64_t at_ns) {
    struct node_machine *m = ctx;

    sim_cancel(&m->trial->sim, m->wake);
    m->wake = at_ns == INT64_MAX ? NULL : sim_after(&m->trial->sim, at_ns - m->trial->sim.now_ns, woken, m);
}

static void submit(void *ctx, struct store_call *call) {
    struct node_machine *m = ctx;

    model_submit(&m->trial->model, m->index, call);
}

static void watch(void *ctx, int64_t start_revision) {
    struct node_machine *m = ctx;

    stream_open(&m->trial->streams[m->index], start_revision);
}

static void ask_progress(void *ctx) {
    struct node_machine *m = ctx;

    stream_ask_progress(&m->trial->streams[m->index]);
}

/* The keyspace has it already, and `applied` does not say so yet. */
static void check_event(struct node_machine *m, const struct kv_event *event) {
    struct kv kv;

    ENSURE(coherence_applied(m->c) < event->kv.mod_revision, "applied is ahead of what is told");
    if (keyspace_find(m->trial->node.keyspace, event->kv.key, &kv) != KEYSPACE_UNKNOWN) {
        ENSURE(kv.mod_revision >= event->kv.mod_revision, "%.*s is known for %lld when told of %lld",
               (int)event->kv.key.size, event->kv.key.data, (long long)kv.mod_revision,
               (long long)event->kv.mod_revision);
    }
}

static void tell(void *ctx, const struct kv_event *events, size_t count, int64_t applied) {
    struct node_machine *m = ctx;

    seeds_trace(&m->trial->sim, "m%zu tells %zu events, applied %lld", m->index, count, (long long)applied);
    for (size_t i = 0; i < count; i++) {
        check_event(m, &events[i]);
    }
    told_events(&m->told, events, count, applied, m->answer_era);
}

static void tell_early(void *ctx, const struct kv_event *event) {
    struct node_machine *m = ctx;

    told_early(&m->told, event);
}

static void reset(void *ctx, bool rewound) {
    struct node_machine *m = ctx;

    (void)rewound;
    seeds_trace(&m->trial->sim, "m%zu reset", m->index);
    told_reset(&m->told);
}

static const struct coherence_policy *policy(void *ctx, struct slice key) {
    (void)ctx;
    return layout_policy(key);
}

/* The model refuses for a while at most, so there is nothing else to watch. */
static void denied(void *ctx) {
    (void)ctx;
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
    .policy = policy,
};

/* --- what comes --- */

static void note_revision(struct node_machine *m, int64_t revision) {
    m->handed = revision > m->handed ? revision : m->handed;
}

static void hand_answer(struct node_machine *m, struct parcel *parcel) {
    struct store_call *call = parcel->call;

    call->status = parcel->status;
    call->revision = parcel->revision;
    if (parcel->status == STORE_OK && parcel->is_linearizable) {
        m->answer_era = parcel->era > m->answer_era ? parcel->era : m->answer_era;
        m->known_era = parcel->handed == m->handed ? m->answer_era : m->known_era;
    }
    if (parcel->status == STORE_OK) {
        note_revision(m, parcel->revision);
    }
    call->done(call);
}

static void hand_of_stream(struct node_machine *m, struct parcel *parcel) {
    struct stream *stream = &m->trial->streams[m->index];

    if (parcel->watch != stream->watch) {
        return;
    }
    seeds_trace(&m->trial->sim, "m%zu %s %lld (%zu events from %lld)", m->index,
                (const char *[]){"", "events", "watching", "progress", "lost", "ended"}[parcel->kind],
                (long long)parcel->revision, parcel->count,
                (long long)(parcel->count > 0 ? parcel->events[0].kv.mod_revision : 0));
    switch (parcel->kind) {
    case PARCEL_EVENTS:
        note_revision(m, parcel->revision);
        coherence_events(m->c, parcel->events, parcel->count);
        break;
    case PARCEL_WATCHING:
        note_revision(m, parcel->revision);
        coherence_watching(m->c, parcel->revision);
        break;
    case PARCEL_PROGRESS:
        note_revision(m, parcel->revision);
        coherence_progress(m->c, parcel->revision);
        break;
    case PARCEL_LOST:
        coherence_lost(m->c);
        stream_go_on(stream);
        break;
    default:
        m->told.may_reset = true;
        coherence_ended(m->c, parcel->status, parcel->revision);
        break;
    }
}

static void hand(struct node *node, struct parcel *parcel) {
    struct node_machine *m = &node->machines[parcel->machine];

    m->has_news = true;
    if (parcel->kind == PARCEL_CALL) {
        ask_arrived(parcel->call);
        if (parcel->call->op.kind == STORE_OP_AUDIT) {
            coherence_audit(m->c, parcel->call);
        } else {
            coherence_submit(m->c, parcel->call);
        }
    } else if (parcel->kind == PARCEL_ANSWER) {
        hand_answer(m, parcel);
    } else {
        hand_of_stream(m, parcel);
    }
    parcel_free(parcel);
}

static void run_news(struct node *node, bool all) {
    for (size_t i = 0; i < node->trial->layout.machine_count; i++) {
        if (node->machines[i].has_news || node->machines[i].is_due || all) {
            run_machine(&node->machines[i]);
        }
    }
}

static void turn(void *ctx) {
    struct node *node = ctx;

    node->turn = NULL;
    if (!node->is_stalled) {
        run_news(node, false);
    }
}

void node_take(struct node *node, struct parcel *parcel) {
    if (node->is_stalled) {
        *node->last = parcel;
        node->last = &parcel->next;
        return;
    }
    hand(node, parcel);
    if (node->turn == NULL) {
        node->turn = sim_after(
            sim_of(node), sim_chance(sim_of(node), 70) ? 0 : sim_between(sim_of(node), 0, 200 * SIM_US), turn, node);
    }
}

/* --- standing still --- */

bool node_has_parcels_before(const struct node *node, size_t era) {
    for (const struct parcel *parcel = node->first; parcel != NULL; parcel = parcel->next) {
        if (parcel->era < era) {
            return true;
        }
    }
    return false;
}

/* What came on one connection stays in its order, answers come before or after it; all of one era before the next. */
static struct parcel *take_out_any(struct node *node) {
    struct parcel **place = &node->first;
    struct parcel *parcel;

    for (struct parcel **p = &node->first; *p != NULL && (*p)->era == node->first->era; p = &(*p)->next) {
        if ((*p)->kind == PARCEL_ANSWER && sim_chance(sim_of(node), 15)) {
            place = p;
            break;
        }
    }
    parcel = *place;
    *place = parcel->next;
    if (*place == NULL) {
        node->last = place;
    }
    parcel->next = NULL;
    return parcel;
}

static void release(void *ctx) {
    struct node *node = ctx;

    node->release = NULL;
    node->is_stalled = false;
    node->is_paused = false;
    node->moved_ns = sim_of(node)->now_ns;
    seeds_trace(sim_of(node), "goes on");
    while (node->first != NULL) {
        hand(node, take_out_any(node));
        if (sim_chance(sim_of(node), 30)) {
            run_news(node, false);
        }
    }
    run_news(node, false);
}

void node_hold(struct node *node, int64_t ns, bool whole_process) {
    if (!node->is_stalled) {
        seeds_trace(sim_of(node), "%s for %.3f s", whole_process ? "is paused" : "stalls", (double)ns / 1e9);
        node->is_stalled = true;
        node->is_paused = whole_process;
        node->release = sim_after(sim_of(node), ns, release, node);
    }
}

/* --- */

void node_restored(struct node *node) {
    size_t era = node->trial->truth.count - 1;
    int64_t base = node->trial->truth.eras[era].base;

    for (size_t i = 0; i < LAYOUT_KEYS; i++) {
        int64_t known = node->known.revisions[era - 1][i];

        node->known.revisions[era][i] = known < base ? known : base;
    }
    for (size_t i = 0; i < node->trial->layout.machine_count; i++) {
        node->machines[i].told.may_reset = true;
    }
}

void node_showed(struct node *node, size_t era, size_t key, int64_t revision) {
    for (size_t e = era; e < node->trial->truth.count; e++) {
        int64_t base = node->trial->truth.eras[e].base;
        int64_t *known = &node->known.revisions[e][key];

        if (e > era && revision > base) {
            revision = base;
        }
        *known = revision > *known ? revision : *known;
    }
}

void node_check(struct node *node, bool keyspace) {
    for (size_t i = 0; i < node->trial->layout.machine_count; i++) {
        struct node_machine *m = &node->machines[i];
        struct coherence_figures figures;

        told_check_applied(&m->told, coherence_applied(m->c));
        coherence_get_figures(m->c, &figures);
        told_check_proven(&m->told, figures.proven_ns);
        ENSURE(figures.proven_ns <= sim_of(node)->now_ns, "proven in the future");
        ENSURE(figures.resets == m->told.resets, "%llu resets, told %llu", (unsigned long long)figures.resets,
               (unsigned long long)m->told.resets);
        if (keyspace && !node->is_spoilt) {
            told_check_keyspace(&m->told, node->keyspace);
        }
    }
}

void node_init(struct node *node, struct trial *trial, size_t memory) {
    struct keyspace_config config = {
        .memory = memory, .mirror_memory = 1 << 20, .seed = random_next(&trial->sim.random)};

    *node = (struct node){.trial = trial, .keyspace = keyspace_new(&config), .has_room = memory >= ROOM};
    node->last = &node->first;
    sim_must(node->keyspace != NULL);
    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct node_machine *m = &node->machines[i];
        struct layout_machine *layout = &trial->layout.machines[i];
        struct coherence_config coherence;

        coherence_config_init(&coherence);
        coherence.span = layout->span;
        coherence.proof = trial->layout.proof;
        coherence.keyspace = node->keyspace;
        coherence.mirrors = layout->mirrors;
        coherence.mirror_count = layout->mirror_count;
        coherence.seed = random_next(&trial->sim.random);
        coherence.request_timeout_ns = CROWD_TIMEOUT;
        coherence.round_every_ns = LAYOUT_STALE_A / 4;
        coherence.sweep_pause_ns = sim_chance(&trial->sim, 30) ? 0 : sim_between(&trial->sim, 5 * SIM_MS, SIM_S);
        *m = (struct node_machine){.trial = trial, .index = i};
        told_init(&m->told, &trial->truth, &layout->span, i);
        m->c = coherence_new(&coherence, &world, m);
        sim_must(m->c != NULL);
    }
}

void node_start(struct node *node) {
    for (size_t i = 0; i < node->trial->layout.machine_count; i++) {
        coherence_start(node->machines[i].c);
    }
    run_news(node, true);
}

/* As at the end of a process: what was asked of the cluster ends first. */
void node_fini(struct node *node) {
    node->is_stalled = true;
    model_close(&node->trial->model);
    while (node->first != NULL) {
        struct parcel *parcel = node->first;

        node->first = parcel->next;
        if (parcel->kind == PARCEL_ANSWER || parcel->kind == PARCEL_CALL) {
            parcel->call->status = STORE_CLOSED;
            arena_fini(&parcel->call->arena);
            parcel->call->result = (struct store_result){0};
            parcel->call->done(parcel->call);
        }
        parcel_free(parcel);
    }
    for (size_t i = 0; i < node->trial->layout.machine_count; i++) {
        coherence_free(node->machines[i].c);
        stream_close(&node->trial->streams[i]);
        sim_cancel(sim_of(node), node->machines[i].wake);
    }
    sim_cancel(sim_of(node), node->turn);
    sim_cancel(sim_of(node), node->release);
    keyspace_free(node->keyspace);
}
