/* SPDX-License-Identifier: Apache-2.0 */
#include "trouble.h"

#include "trial.h"

enum { RESTORE_MOST = 12 /* revisions that are lost */ };

static struct sim *sim_of(struct trouble *trouble) {
    return &trouble->trial->sim;
}

static struct stream *any_stream(struct trouble *trouble) {
    return &trouble->trial->streams[sim_between(sim_of(trouble), 0, (int64_t)trouble->trial->layout.machine_count - 1)];
}

/* Mostly short. */
static int64_t any_time(struct trouble *trouble, int64_t most_ns) {
    return sim_between(sim_of(trouble), 0, sim_chance(sim_of(trouble), 60) ? most_ns / 20 : most_ns);
}

static void lag(struct trouble *trouble) {
    struct model *model = &trouble->trial->model;
    struct model_member *member = &model->members[sim_between(sim_of(trouble), 0, MODEL_MEMBERS - 1)];

    (void)model_member_revision(model, (size_t)(member - model->members));
    member->lag_ns = any_time(trouble, 2 * SIM_S);
    for (size_t i = 0; i < trouble->trial->layout.machine_count; i++) {
        stream_stir(&trouble->trial->streams[i]);
    }
}

static void slow(struct trouble *trouble) {
    struct model *model = &trouble->trial->model;

    model->slow_percent = (unsigned)sim_between(sim_of(trouble), 0, 50);
    model->slow_ns = any_time(trouble, 3 * SIM_S) + SIM_MS;
    model->usual_ns = any_time(trouble, 40 * SIM_MS) + SIM_MS;
}

static void dropped(struct trouble *trouble) {
    trouble->trial->model.lost_percent =
        sim_chance(sim_of(trouble), 50) ? 0 : (unsigned)sim_between(sim_of(trouble), 1, 40);
}

static void compact(struct trouble *trouble) {
    struct mvcc *mvcc = &truth_now(&trouble->trial->truth)->mvcc;
    int64_t low = mvcc->compacted + 1;

    if (low < mvcc->revision) {
        mvcc->compacted =
            sim_chance(sim_of(trouble), 50) ? mvcc->revision : sim_between(sim_of(trouble), low, mvcc->revision);
        seeds_trace(sim_of(trouble), "compacted at %lld", (long long)mvcc->compacted);
    }
}

static void restore(struct trouble *trouble) {
    struct truth *truth = &trouble->trial->truth;
    int64_t newest = truth_revision(truth);
    int64_t low = newest - RESTORE_MOST > truth_now(truth)->base ? newest - RESTORE_MOST : truth_now(truth)->base;

    if (truth->count < TRUTH_ERAS && newest > low) {
        model_restore(&trouble->trial->model, sim_between(sim_of(trouble), low, newest - 1));
        trouble->trial->crowd.lease = 0;
    }
}

void trouble_make(struct trouble *trouble, enum trouble_kind kind) {
    struct trial *trial = trouble->trial;
    struct stream *stream = any_stream(trouble);

    seeds_trace(sim_of(trouble), "trouble %d", (int)kind);
    switch (kind) {
    case TROUBLE_LAG:
        lag(trouble);
        break;
    case TROUBLE_LOST:
        stream_lose(stream);
        break;
    case TROUBLE_SILENT:
        stream_silence(stream, !stream->is_silent);
        break;
    case TROUBLE_BACK:
        stream_go_back(stream);
        break;
    case TROUBLE_REFUSED:
        stream_refuse(stream);
        break;
    case TROUBLE_SLOW:
        slow(trouble);
        break;
    case TROUBLE_DROPPED:
        dropped(trouble);
        break;
    case TROUBLE_AWAY:
        model_go_away(&trial->model, any_time(trouble, 4 * SIM_S));
        break;
    case TROUBLE_STALLED:
        node_hold(&trial->node, any_time(trouble, 4 * SIM_S), false);
        break;
    case TROUBLE_PAUSED:
        node_hold(&trial->node, any_time(trouble, 6 * SIM_S), true);
        break;
    case TROUBLE_COMPACT:
        compact(trouble);
        break;
    case TROUBLE_RESTORE:
        restore(trouble);
        break;
    default:
        stream_tell_progress(stream);
        break;
    }
}

/* How often each is taken, of a hundred or so. */
static enum trouble_kind any_kind(struct trouble *trouble) {
    static const unsigned weights[TROUBLE_KINDS] = {
        [TROUBLE_LAG] = 20,     [TROUBLE_LOST] = 12,  [TROUBLE_SILENT] = 8,  [TROUBLE_BACK] = 12,
        [TROUBLE_REFUSED] = 2,  [TROUBLE_SLOW] = 10,  [TROUBLE_DROPPED] = 8, [TROUBLE_AWAY] = 4,
        [TROUBLE_STALLED] = 5,  [TROUBLE_PAUSED] = 4, [TROUBLE_COMPACT] = 8, [TROUBLE_RESTORE] = 2,
        [TROUBLE_PROGRESS] = 5,
    };
    unsigned left = (unsigned)sim_between(sim_of(trouble), 0, 99);
    unsigned kind = 0;

    while (left >= weights[kind]) {
        left -= weights[kind];
        kind = (kind + 1) % TROUBLE_KINDS;
    }
    return (enum trouble_kind)kind;
}

static void go_wrong(void *ctx) {
    struct trouble *trouble = ctx;
    enum trouble_kind kind = any_kind(trouble);

    if ((trouble->kinds & 1U << kind) != 0) {
        trouble_make(trouble, kind);
    }
    trouble->event = sim_after(sim_of(trouble), sim_between(sim_of(trouble), 0, trouble->pause_ns), go_wrong, trouble);
}

void trouble_begin(struct trouble *trouble, struct trial *trial, unsigned kinds, int64_t pause_ns) {
    *trouble = (struct trouble){.trial = trial, .kinds = kinds, .pause_ns = pause_ns};
    if (kinds != 0) {
        trouble->event = sim_after(&trial->sim, sim_between(&trial->sim, 0, pause_ns), go_wrong, trouble);
    }
}

void trouble_end(struct trouble *trouble) {
    struct model *model = &trouble->trial->model;

    sim_cancel(sim_of(trouble), trouble->event);
    trouble->event = NULL;
    model->slow_percent = 0;
    model->lost_percent = 0;
    model->usual_ns = SIM_MS;
    model->away_until_ns = 0;
    for (size_t i = 0; i < MODEL_MEMBERS; i++) {
        model->members[i].lag_ns = SIM_MS;
    }
    for (size_t i = 0; i < trouble->trial->layout.machine_count; i++) {
        stream_silence(&trouble->trial->streams[i], false);
    }
}
