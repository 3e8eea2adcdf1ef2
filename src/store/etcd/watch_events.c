/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/copy.h"
#include "store/etcd/kv_message.h"
#include "store/etcd/watch_internal.h"

/* Events: whole revisions, each once and in order, out of responses that may end within a revision. */

static bool event_of(const Mvccpb__Event *m, struct kv_event *ret) {
    if (m->kv == NULL || !watch_revision_is_good(m->kv->mod_revision) || m->kv->mod_revision == 0) {
        return false;
    }
    *ret = (struct kv_event){
        .kind = m->type == MVCCPB__EVENT__EVENT_TYPE__DELETE ? KV_EVENT_DELETE : KV_EVENT_PUT,
        .has_previous = m->prev_kv != NULL,
        .kv = etcd_kv_of(m->kv),
        .previous = etcd_kv_of(m->prev_kv),
    };
    return true;
}

/* --- what is held --- */

void watch_forget_held(struct etcd_watch *watch) {
    struct watch_held *held = &watch->held;

    free(held->events);
    arena_fini(&held->arena);
    *held = (struct watch_held){0};
    arena_init(&held->arena, ETCD_WATCH_FRAGMENTS_MAX);
}

/* Room for one more event. The array is charged to the arena's limit, once for each event. */
static bool grow(struct watch_held *held) {
    size_t capacity = held->capacity == 0 ? 16 : held->capacity * 2;
    struct kv_event *events;

    if (held->arena.limit - held->arena.used < sizeof(*events)) {
        return false;
    }
    if (held->count == held->capacity) {
        events = realloc(held->events, capacity * sizeof(*events));
        if (events == NULL) {
            return false;
        }
        held->events = events;
        held->capacity = capacity;
    }
    held->arena.limit -= sizeof(*events);
    return true;
}

static bool hold_event(struct watch_held *held, const struct kv_event *event) {
    struct kv_event copy = *event;

    if (!grow(held) || !store_kv_copy(&held->arena, &copy.kv, &copy.kv) ||
        !store_kv_copy(&held->arena, &copy.previous, &copy.previous)) {
        return false;
    }
    held->events[held->count++] = copy;
    held->revision = event->kv.mod_revision;
    return true;
}

/* --- handing out --- */

/* Whether the watch goes on after an event: nobody has closed, paused or ended it. */
static bool goes_on(const struct etcd_watch *watch) {
    return watch->state == WATCH_LIVE;
}

/* Whole revisions. */
static void hand_out(struct etcd_watch *watch, const struct kv_event *events, size_t count) {
    if (count > 0) {
        watch->last = events[count - 1].kv.mod_revision;
        watch->events.on_events(watch->ctx, events, count, watch->last);
    }
}

/* The revision that is held is whole. The watch lets go of it first, for it may be closed meanwhile. */
static void hand_out_held(struct etcd_watch *watch) {
    struct watch_held held = watch->held;

    watch->held = (struct watch_held){0};
    watch_forget_held(watch);
    hand_out(watch, held.events, held.count);
    free(held.events);
    arena_fini(&held.arena);
}

/* --- a response --- */

/* The response's events that are new, in `ret_events`, which has room for all: what is not above the last revision, and
 * goes back within the response, is left out. */
static bool collect(const struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r, struct kv_event *ret_events,
                    size_t *ret_count) {
    int64_t revision = watch->held.count > 0 ? watch->held.revision : watch->last + 1;
    size_t count = 0;

    for (size_t i = 0; i < r->n_events; i++) {
        struct kv_event *event = &ret_events[count];

        if (!event_of(r->events[i], event)) {
            return false;
        }
        if (event->kv.mod_revision >= revision) {
            revision = event->kv.mod_revision;
            count++;
        }
    }
    *ret_count = count;
    return true;
}

/* The events of the first revision. */
static size_t first_run(const struct kv_event *events, size_t count) {
    size_t n = 0;

    while (n < count && events[n].kv.mod_revision == events[0].kv.mod_revision) {
        n++;
    }
    return n;
}

/* The events without those of the last revision. */
static size_t without_last_run(const struct kv_event *events, size_t count) {
    size_t n = count;

    while (n > 0 && events[n - 1].kv.mod_revision == events[count - 1].kv.mod_revision) {
        n--;
    }
    return n;
}

static bool hold_all(struct etcd_watch *watch, const struct kv_event *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!hold_event(&watch->held, &events[i])) {
            watch_end(watch, STORE_NO_MEMORY, 0, SLICE("a revision in pieces is too large"));
            return false;
        }
    }
    return true;
}

/* Events while something is held: those of the same revision join it, and a later one says that it is whole. Sets how many
 * are done with. */
static bool join_held(struct etcd_watch *watch, const struct kv_event *events, size_t count, bool more,
                      size_t *ret_taken) {
    size_t n = count > 0 && events[0].kv.mod_revision == watch->held.revision ? first_run(events, count) : 0;

    *ret_taken = n;
    if (!hold_all(watch, events, n)) {
        return false;
    }
    if (n < count || !more) {
        hand_out_held(watch);
    }
    return goes_on(watch);
}

static void take(struct etcd_watch *watch, const struct kv_event *events, size_t count, bool more) {
    size_t whole;
    size_t taken = 0;

    if (watch->held.count > 0 && !join_held(watch, events, count, more, &taken)) {
        return;
    }
    events += taken;
    count -= taken;
    whole = more ? without_last_run(events, count) : count;
    hand_out(watch, events, whole);
    if (goes_on(watch)) {
        hold_all(watch, events + whole, count - whole);
    }
}

bool watch_take_events(struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r, struct arena *arena,
                       const char **ret_why) {
    struct kv_event *events = arena_alloc(arena, r->n_events * sizeof(*events));
    size_t count;

    if (events == NULL) {
        *ret_why = "no memory for a watch's events";
        return false;
    }
    if (!collect(watch, r, events, &count)) {
        *ret_why = "a watch's event has no key or no revision";
        return false;
    }
    take(watch, events, count, r->fragment);
    return true;
}
