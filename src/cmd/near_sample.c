/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/near_sample.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cohere/near.h"

enum { NS_PER_US = 1000 };

static const char *const fallback_labels[COHERENCE_FALLBACK_COUNT] = {
#define FALLBACK(name, label, text) [COHERENCE_FALLBACK_##name] = label,
#include "cohere/fallbacks.def"
#undef FALLBACK
};

static const char *const fallback_series[COHERENCE_FALLBACK_COUNT] = {
#define FALLBACK(name, label, text) [COHERENCE_FALLBACK_##name] = "reason=\"" label "\"",
#include "cohere/fallbacks.def"
#undef FALLBACK
};

static const char *watch_name(enum near_watch watch) {
    return watch == NEAR_WATCH_PREFIXES ? "groups" : "all";
}

static const char *proof_name(enum coherence_proof proof) {
    return proof == COHERENCE_BY_EVENTS ? "events" : proof == COHERENCE_BY_PROGRESS ? "progress" : "question";
}

static uint64_t above_zero(int64_t value) {
    return value > 0 ? (uint64_t)value : 0;
}

static uint64_t lag_of(const struct coherence_figures *c) {
    return above_zero(c->seen - c->applied);
}

/* False: nothing is proven yet. */
static bool find_age(const struct coherence_figures *c, uint64_t *ret_age_ns) {
    *ret_age_ns = c->proven_ns == INT64_MIN ? 0 : above_zero(clock_monotonic_ns() - c->proven_ns);
    return c->proven_ns != INT64_MIN;
}

/* --- samples --- */

static void sample_coherence(const struct coherence_figures *c, struct telemetry_samples *samples) {
    uint64_t *values = samples->values;

    values[SAMPLE_NEAR_WATCHING] = c->watching ? 1 : 0;
    values[SAMPLE_NEAR_APPLIED] = above_zero(c->applied);
    values[SAMPLE_NEAR_LAG] = lag_of(c);
    values[SAMPLE_NEAR_LAG_TIME] = above_zero(c->behind_ns);
    samples->absent[SAMPLE_NEAR_AGE] = !find_age(c, &values[SAMPLE_NEAR_AGE]);
    values[SAMPLE_NEAR_ROUNDS_OK] = c->rounds > c->rounds_failed ? c->rounds - c->rounds_failed : 0;
    values[SAMPLE_NEAR_ROUNDS_FAILED] = c->rounds_failed;
    values[SAMPLE_NEAR_ROUND_READS] = c->round_reads;
    values[SAMPLE_NEAR_MEMORY_READS] = c->memory_reads;
    values[SAMPLE_NEAR_FLIGHTS] = c->flights;
    values[SAMPLE_NEAR_FLIGHT_READS] = c->flight_reads;
    values[SAMPLE_NEAR_FLIGHTS_REPEATED] = c->flights_repeated;
    values[SAMPLE_NEAR_EARLY] = c->early_writes;
    values[SAMPLE_NEAR_COMPARED] = c->compared;
    values[SAMPLE_NEAR_DIFFERENCES] = c->differences;
    values[SAMPLE_NEAR_LOSSES] = c->watch_losses;
    values[SAMPLE_NEAR_RESETS] = c->resets;
    values[SAMPLE_NEAR_MIRRORS_LOADED] = c->mirrors_loaded;
    values[SAMPLE_NEAR_MIRRORS_LOADING] = c->mirrors - c->mirrors_loaded;
    values[SAMPLE_NEAR_MIRROR_LOAD] = above_zero(c->mirror_load_ns);
}

static void sample_rest(const struct near_figures *f, uint64_t *values) {
    values[SAMPLE_NEAR_MERGED] = f->merged_transactions;
    values[SAMPLE_NEAR_MERGED_WRITES] = f->merged_writes;
    values[SAMPLE_NEAR_KEYS_CACHED] = f->keyspace.keys - f->keyspace.mirrored;
    values[SAMPLE_NEAR_KEYS_MIRRORED] = f->keyspace.mirrored;
    values[SAMPLE_NEAR_BYTES_CACHED] = f->keyspace.bytes - f->keyspace.mirrored_bytes;
    values[SAMPLE_NEAR_BYTES_MIRRORED] = f->keyspace.mirrored_bytes;
    values[SAMPLE_NEAR_EVICTIONS] = f->keyspace.evictions;
    values[SAMPLE_NEAR_REFUSALS] = f->keyspace.refusals;
    values[SAMPLE_NEAR_WATCHERS_SHARED] = f->watches.watchers - f->watches.own;
    values[SAMPLE_NEAR_WATCHERS_OWN] = f->watches.own;
    values[SAMPLE_NEAR_UPSTREAM] = f->upstream_watches;
    values[SAMPLE_NEAR_EVENTS] = f->watches.remembered;
    values[SAMPLE_NEAR_EVENT_BYTES] = f->watches.bytes;
    values[SAMPLE_NEAR_FELL_BEHIND] = f->watches.fell_behind;
}

void near_sample(const struct cmd_node *node, struct telemetry_samples *samples) {
    struct near_figures figures;

    if (!near_get_figures(node->store, &figures)) {
        for (unsigned i = SAMPLE_NEAR_WATCHING; i <= SAMPLE_NEAR_FELL_BEHIND; i++) {
            samples->absent[i] = true;
        }
        return;
    }
    sample_coherence(&figures.coherence, samples);
    sample_rest(&figures, samples->values);
}

/* --- series --- */

static const char *info_labels(const struct near_figures *f, struct arena *arena) {
    enum { MOST = 64 };
    char *labels = arena_alloc(arena, MOST);

    if (labels != NULL) {
        (void)snprintf(labels, MOST, "watch=\"%s\",proof=\"%s\"", watch_name(f->watch), proof_name(f->proof));
    }
    return labels;
}

bool near_series(const struct cmd_node *node, struct arena *arena, const struct prometheus_series **io_series,
                 size_t *io_count) {
    struct near_figures figures;
    struct prometheus_series *series;
    size_t count = *io_count;

    if (!near_get_figures(node->store, &figures)) {
        return true;
    }
    series = arena_calloc(arena, count + 1 + COHERENCE_FALLBACK_COUNT, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(series, *io_series, count * sizeof(*series));
    }
    series[count++] = (struct prometheus_series){
        .metric = METRIC_NEAR_WATCH_INFO, .suffix = "", .labels = info_labels(&figures, arena), .value = 1};
    for (unsigned i = 0; i < COHERENCE_FALLBACK_COUNT; i++) {
        series[count++] = (struct prometheus_series){.metric = METRIC_NEAR_FALLBACKS,
                                                     .suffix = "",
                                                     .labels = fallback_series[i],
                                                     .value = figures.coherence.fallbacks[i]};
    }
    if (series[*io_count].labels == NULL) {
        return false;
    }
    *io_series = series;
    *io_count = count;
    return true;
}

/* --- stats --- */

struct lines {
    cmd_stat_fn *emit;
    void *ctx;
    bool failed;
};

static void text(struct lines *l, const char *name, const char *value) {
    l->failed = l->failed || !l->emit(l->ctx, name, value);
}

static void number(struct lines *l, const char *name, uint64_t value) {
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRIu64, value);
    text(l, name, digits);
}

static void report_state(struct lines *l, const struct near_figures *f) {
    const struct coherence_figures *c = &f->coherence;
    uint64_t age_ns;

    text(l, "watch", watch_name(f->watch));
    text(l, "proof", proof_name(f->proof));
    number(l, "watching", c->watching);
    number(l, "applied_revision", above_zero(c->applied));
    number(l, "lag_revisions", lag_of(c));
    number(l, "lag_us", above_zero(c->behind_ns) / NS_PER_US);
    if (find_age(c, &age_ns)) {
        number(l, "proof_age_us", age_ns / NS_PER_US);
    }
    number(l, "mirrors", c->mirrors);
    number(l, "mirrors_loaded", c->mirrors_loaded);
    number(l, "mirror_load_us", above_zero(c->mirror_load_ns) / NS_PER_US);
}

static void report_counts(struct lines *l, const struct near_figures *f) {
    const struct coherence_figures *c = &f->coherence;

    number(l, "rounds", c->rounds);
    number(l, "rounds_failed", c->rounds_failed);
    number(l, "round_reads", c->round_reads);
    number(l, "memory_reads", c->memory_reads);
    number(l, "flights", c->flights);
    number(l, "flight_reads", c->flight_reads);
    number(l, "flights_repeated", c->flights_repeated);
    for (unsigned i = 0; i < COHERENCE_FALLBACK_COUNT; i++) {
        char name[64];

        snprintf(name, sizeof(name), "fallback:%s", fallback_labels[i]);
        number(l, name, c->fallbacks[i]);
    }
    number(l, "early_writes", c->early_writes);
    number(l, "merged_transactions", f->merged_transactions);
    number(l, "merged_writes", f->merged_writes);
    number(l, "audit_compared", c->compared);
    number(l, "audit_differences", c->differences);
    number(l, "watch_losses", c->watch_losses);
    number(l, "resets", c->resets);
}

static void report_memory(struct lines *l, const struct near_figures *f) {
    number(l, "keys", f->keyspace.keys);
    number(l, "keys_mirrored", f->keyspace.mirrored);
    number(l, "bytes", f->keyspace.bytes);
    number(l, "bytes_mirrored", f->keyspace.mirrored_bytes);
    number(l, "evictions", f->keyspace.evictions);
    number(l, "refusals", f->keyspace.refusals);
    number(l, "watchers", f->watches.watchers);
    number(l, "watchers_own", f->watches.own);
    number(l, "upstream_watches", f->upstream_watches);
    number(l, "watch_events", f->watches.remembered);
    number(l, "watch_bytes", f->watches.bytes);
    number(l, "watches_fell_behind", f->watches.fell_behind);
}

bool cmd_stats_near(const struct cmd_node *node, cmd_stat_fn *emit, void *ctx) {
    struct lines lines = {.emit = emit, .ctx = ctx};
    struct near_figures figures;

    if (near_get_figures(node->store, &figures)) {
        report_state(&lines, &figures);
        report_counts(&lines, &figures);
        report_memory(&lines, &figures);
    }
    return !lines.failed;
}
