/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* What is counted, for any thread. */

static uint64_t number_of(const atomic_uint_least64_t *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void get_state(struct coherence *c, struct coherence_figures *f) {
    int64_t behind_since_ns = atomic_load_explicit(&c->behind_since_ns, memory_order_relaxed);

    f->applied = coherence_applied(c);
    f->seen = atomic_load_explicit(&c->seen, memory_order_relaxed);
    f->proven_ns = atomic_load_explicit(&c->proven_ns, memory_order_relaxed);
    f->behind_ns = behind_since_ns != 0 ? later_of(now_of(c) - behind_since_ns, 0) : 0;
    f->watching = atomic_load_explicit(&c->watching, memory_order_relaxed);
    f->mirrors = c->mirror_count;
    f->mirrors_loaded = atomic_load_explicit(&c->counts.mirrors_loaded, memory_order_relaxed);
    f->mirror_load_ns = atomic_load_explicit(&c->counts.mirror_load_ns, memory_order_relaxed);
}

void coherence_get_figures(struct coherence *c, struct coherence_figures *ret_figures) {
    const struct counts *counts = &c->counts;
    struct coherence_figures f = {
        .rounds = number_of(&counts->rounds),
        .round_reads = number_of(&counts->round_reads),
        .rounds_failed = number_of(&counts->rounds_failed),
        .memory_reads = number_of(&c->memory_reads),
        .flights = number_of(&counts->flights),
        .flight_reads = number_of(&counts->flight_reads),
        .flights_repeated = number_of(&counts->flights_repeated),
        .early_writes = number_of(&counts->early_writes),
        .resets = number_of(&counts->resets),
        .watch_losses = number_of(&counts->watch_losses),
        .compared = number_of(&counts->compared),
        .differences = number_of(&counts->differences),
    };

    for (size_t i = 0; i < COHERENCE_FALLBACK_COUNT; i++) {
        f.fallbacks[i] = number_of(&counts->fallbacks[i]);
    }
    get_state(c, &f);
    *ret_figures = f;
}
