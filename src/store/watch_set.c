/* SPDX-License-Identifier: Apache-2.0 */
#include "store/watch_set.h"

#include <stdlib.h>

#include "base/hash.h"
#include "store/span.h"
#include "store/watch_ranges.h"

enum { SLOTS_MIN = 64 };

void watch_set_init(struct watch_set *set) {
    *set = (struct watch_set){0};
    random_init(&set->tree.random, random_os_seed());
    pthread_mutex_init(&set->lock, NULL);
}

void watch_set_fini(struct watch_set *set) {
    free(set->slots);
    pthread_mutex_destroy(&set->lock);
}

static uint64_t hash_of(struct slice key) {
    return hash_key(key, 0);
}

void watch_entry_init(struct watch_entry *entry, const struct store_watch *watch, char *place, void (*wake)(void *ctx),
                      void *ctx) {
    const struct store_span *span = &watch->span;

    *entry = (struct watch_entry){.watch = *watch, .wake = wake, .ctx = ctx, .single = store_span_is_single(span)};
    memcpy(place, span->key.data, span->key.size);
    entry->watch.span.key = slice_make(place, span->key.size);
    if (!entry->single) {
        memcpy(place + span->key.size, span->range_end.data, span->range_end.size);
    }
    entry->watch.span.range_end = slice_make(place + span->key.size, span->range_end.size);
    entry->hash = entry->single ? hash_of(entry->watch.span.key) : 0;
}

/* --- the set --- */

static void link_entry(struct watch_set *set, struct watch_entry *e) {
    struct watch_entry **list = e->single ? &set->slots[e->hash & (set->slot_count - 1)] : &set->ranges;

    e->next = *list;
    e->place = list;
    if (e->next != NULL) {
        e->next->place = &e->next;
    }
    *list = e;
}

static void unlink_entry(struct watch_entry *e) {
    *e->place = e->next;
    if (e->next != NULL) {
        e->next->place = e->place;
    }
}

bool watch_set_reserve(struct watch_set *set) {
    size_t count = set->slot_count == 0 ? SLOTS_MIN : set->slot_count * 2;
    struct watch_entry **old = set->slots;
    size_t old_count = set->slot_count;
    struct watch_entry **slots;

    if (set->single_count < set->slot_count) {
        return true;
    }
    slots = calloc(count, sizeof(struct watch_entry *));
    if (slots == NULL) {
        return false;
    }
    set->slots = slots;
    set->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct watch_entry *e = old[i];

            unlink_entry(e);
            link_entry(set, e);
        }
    }
    free(old);
    return true;
}

void watch_set_add(struct watch_set *set, struct watch_entry *entry) {
    link_entry(set, entry);
    if (!entry->single) {
        watch_ranges_add(&set->tree, entry);
    }
    set->count++;
    set->single_count += entry->single;
}

/* --- marking and waking --- */

static void unmark(struct watch_entry *e) {
    if (e->marked_place != NULL) {
        *e->marked_place = e->next_marked;
        if (e->next_marked != NULL) {
            e->next_marked->marked_place = e->marked_place;
        }
        e->marked_place = NULL;
    }
}

void watch_set_remove(struct watch_set *set, struct watch_entry *entry) {
    unmark(entry);
    unlink_entry(entry);
    if (!entry->single) {
        watch_ranges_remove(&set->tree, entry);
    }
    set->count--;
    set->single_count -= entry->single;
}

void watch_set_mark(struct watch_set *set, struct watch_entry *entry, int64_t from, int64_t to) {
    if (entry->dirty_from == 0) {
        entry->dirty_from = from;
    }
    entry->dirty_to = to;
    if (entry->marked_place == NULL) {
        entry->next_marked = set->marked;
        entry->marked_place = &set->marked;
        if (entry->next_marked != NULL) {
            entry->next_marked->marked_place = &entry->next_marked;
        }
        set->marked = entry;
    }
}

/* Those that are to be marked with an event. */
struct marking {
    struct watch_set *set;
    const struct kv_event *event;
};

static void mark_if_wanted(void *ctx, struct watch_entry *e) {
    const struct marking *m = ctx;
    int64_t revision = m->event->kv.mod_revision;

    if (e->dirty_to < revision && revision >= e->watch.start_revision &&
        !(m->event->kind == KV_EVENT_PUT ? e->watch.no_put : e->watch.no_delete)) {
        watch_set_mark(m->set, e, revision, revision);
    }
}

static void mark_event(struct watch_set *set, const struct kv_event *event) {
    struct marking marking = {.set = set, .event = event};

    if (set->single_count > 0) {
        uint64_t hash = hash_of(event->kv.key);

        for (struct watch_entry *e = set->slots[hash & (set->slot_count - 1)]; e != NULL; e = e->next) {
            if (e->hash == hash && slice_equal(e->watch.span.key, event->kv.key)) {
                mark_if_wanted(&marking, e);
            }
        }
    }
    watch_ranges_each(&set->tree, event->kv.key, mark_if_wanted, &marking);
}

void watch_set_mark_events(struct watch_set *set, const struct kv_event *events, size_t count) {
    for (size_t i = 0; i < count && set->count > 0; i++) {
        mark_event(set, &events[i]);
    }
}

void watch_entry_was_read(struct watch_entry *entry, int64_t revision) {
    entry->dirty_from = entry->dirty_to > revision ? revision + 1 : 0;
}

void watch_set_wake(struct watch_set *set) {
    while (set->marked != NULL) {
        struct watch_entry *e = set->marked;

        unmark(e);
        e->wake(e->ctx);
    }
}

static int64_t oldest_in(const struct watch_entry *e, int64_t oldest, int64_t found) {
    for (; e != NULL; e = e->next) {
        if (e->dirty_from >= oldest && e->dirty_from < found) {
            found = e->dirty_from;
        }
    }
    return found;
}

int64_t watch_set_oldest(const struct watch_set *set, int64_t oldest) {
    int64_t found;

    if (oldest < 1) {
        oldest = 1; /* 0 is one that has nothing to read */
    }
    found = oldest_in(set->ranges, oldest, INT64_MAX);
    for (size_t i = 0; i < set->slot_count; i++) {
        found = oldest_in(set->slots[i], oldest, found);
    }
    return found;
}
