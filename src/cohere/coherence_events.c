/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* Events of the watch go into the keyspace, a revision as a whole. */

static void apply(struct coherence *c, const struct kv_event *event) {
    struct mirror *m = mirror_of_key(c, event->kv.key);

    if (m != NULL) {
        mirror_event(c, m, event);
    } else if (event->kind == KV_EVENT_PUT) {
        keyspace_put(c->keys, &event->kv, KEYSPACE_UPDATE);
    } else {
        keyspace_absent(c->keys, event->kv.key, event->kv.mod_revision, KEYSPACE_UPDATE);
    }
    if (c->flight_count > 0) {
        flight_event(c, event);
    }
    sweep_event(c, event);
}

static void apply_run(struct coherence *c, const struct kv_event *events, size_t number) {
    int64_t revision = events[number - 1].kv.mod_revision;

    atomic_fetch_add_explicit(&c->applying, 1, memory_order_acq_rel);
    for (size_t i = 0; i < number; i++) {
        apply(c, &events[i]);
    }
    c->world->tell(c->ctx, events, number, revision);
    coherence_advanced(c, revision);
    atomic_fetch_add_explicit(&c->applying, 1, memory_order_release);
}

/* How many of them do not go back. */
static size_t run_of(const struct kv_event *events, size_t number) {
    size_t i = 1;

    while (i < number && events[i].kv.mod_revision >= events[i - 1].kv.mod_revision) {
        i++;
    }
    return i;
}

void coherence_events(struct coherence *c, const struct kv_event *events, size_t number) {
    size_t i = 0;

    if (!is_ready(c)) {
        return;
    }
    while (i < number) {
        size_t run;

        if (events[i].kv.mod_revision <= applied_now(c)) {
            i++;
            continue;
        }
        run = run_of(events + i, number - i);
        apply_run(c, events + i, run);
        i += run;
    }
}
