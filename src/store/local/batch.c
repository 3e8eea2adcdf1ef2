/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/batch.h"

#include <stdlib.h>

#include "store/local/journal.h"

enum {
    CAPACITY_MIN = 256,
    KEPT_MAX = 1 << 16,       /* elements of memory kept from batch to batch */
    ENTRY_KEPT_MAX = 4 << 20, /* bytes, likewise */
};

void batch_fini(struct batch *b) {
    free(b->touched);
    free(b->events);
    free(b->granted);
    free(b->ended);
    free(b->notes);
    arena_fini(&b->arena);
    buf_fini(&b->entry);
    *b = (struct batch){0};
}

void batch_clear(struct batch *b) {
    if (b->touched_capacity > KEPT_MAX) {
        batch_fini(b);
    }
    arena_fini(&b->arena);
    if (b->entry.capacity > ENTRY_KEPT_MAX) {
        buf_fini(&b->entry);
    }
    b->entry.size = 0;
    *b = (struct batch){
        .entry = b->entry,
        .compact = BATCH_COMPACTS_NOTHING,
        .touched = b->touched,
        .touched_capacity = b->touched_capacity,
        .events = b->events,
        .event_capacity = b->event_capacity,
        .granted = b->granted,
        .granted_capacity = b->granted_capacity,
        .ended = b->ended,
        .ended_capacity = b->ended_capacity,
        .notes = b->notes,
        .note_capacity = b->note_capacity,
    };
    arena_init(&b->arena, STORE_ANSWER_MAX);
    b->entry.limit = JOURNAL_ENTRY_MAX;
}

static bool reserve(void *array, size_t count, size_t *capacity, size_t size) {
    size_t grown = *capacity == 0 ? CAPACITY_MIN : *capacity * 2;
    void *memory;

    if (count < *capacity) {
        return true;
    }
    memcpy(&memory, array, sizeof(memory));
    memory = realloc(memory, grown * size);
    if (memory == NULL) {
        return false;
    }
    memcpy(array, &memory, sizeof(memory));
    *capacity = grown;
    return true;
}

bool batch_reserve_change(struct batch *b) {
    return reserve(&b->touched, b->touched_count, &b->touched_capacity, sizeof(*b->touched)) &&
           reserve(&b->events, b->event_count, &b->event_capacity, sizeof(*b->events));
}

bool batch_reserve_lease(struct batch *b) {
    return reserve(&b->granted, b->granted_count, &b->granted_capacity, sizeof(*b->granted)) &&
           reserve(&b->ended, b->ended_count, &b->ended_capacity, sizeof(*b->ended));
}

bool batch_reserve_note(struct batch *b) {
    return reserve(&b->notes, b->note_count, &b->note_capacity, sizeof(*b->notes));
}
