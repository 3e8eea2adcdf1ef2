/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/note.h"

#include <stdlib.h>

enum { SLOTS_MIN = 16 };

struct note *note_new(struct slice name, struct slice value) {
    struct note *note = malloc(sizeof(*note) + name.size + value.size);

    if (note == NULL) {
        return NULL;
    }
    atomic_init(&note->holders, 1);
    note->name_size = (uint32_t)name.size;
    note->value_size = (uint32_t)value.size;
    memcpy(note->bytes, name.data, name.size);
    if (value.size > 0) {
        memcpy(note->bytes + name.size, value.data, value.size);
    }
    return note;
}

void note_release(struct note *note) {
    if (atomic_fetch_sub_explicit(&note->holders, 1, memory_order_acq_rel) == 1) {
        free(note);
    }
}

void note_set_init(struct note_set *set) {
    *set = (struct note_set){0};
    pthread_mutex_init(&set->lock, NULL);
}

void note_set_fini(struct note_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        note_release(set->slots[i].note);
    }
    free(set->slots);
    pthread_mutex_destroy(&set->lock);
}

/* The place of the first name that is not below `name`. */
static size_t place_of(const struct note_set *set, struct slice name) {
    size_t low = 0;
    size_t high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_compare(note_name(set->slots[middle].note), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct note_set *set, size_t place, struct slice name) {
    return place < set->count && slice_equal(note_name(set->slots[place].note), name);
}

const struct note *note_set_find(const struct note_set *set, struct slice name) {
    size_t place = place_of(set, name);

    return is_at(set, place, name) ? set->slots[place].note : NULL;
}

bool note_set_reserve(struct note_set *set, size_t count) {
    size_t capacity = set->capacity == 0 ? SLOTS_MIN : set->capacity;
    struct note_slot *slots;

    while (capacity - set->count < count) {
        capacity *= 2;
    }
    if (capacity == set->capacity) {
        return true;
    }
    pthread_mutex_lock(&set->lock);
    slots = realloc(set->slots, capacity * sizeof(*slots));
    if (slots != NULL) {
        set->slots = slots;
        set->capacity = capacity;
    }
    pthread_mutex_unlock(&set->lock);
    return slots != NULL;
}

void note_set_put(struct note_set *set, struct note *note, bool changed) {
    struct note *before = NULL;
    struct note_slot *slot;
    size_t place;

    pthread_mutex_lock(&set->lock);
    place = place_of(set, note_name(note));
    slot = &set->slots[place];
    if (is_at(set, place, note_name(note))) {
        before = slot->note;
        set->bytes -= note_cost(before->name_size, before->value_size);
        set->changed -= slot->changed;
    } else {
        memmove(slot + 1, slot, (set->count - place) * sizeof(*slot));
        set->count++;
    }
    *slot = (struct note_slot){.note = note, .changed = changed};
    set->bytes += note_cost(note->name_size, note->value_size);
    set->changed += changed;
    pthread_mutex_unlock(&set->lock);
    if (before != NULL) {
        note_release(before);
    }
}

void note_set_settle(struct note_set *set) {
    size_t kept = 0;

    if (set->changed == 0) {
        return;
    }
    pthread_mutex_lock(&set->lock);
    for (size_t i = 0; i < set->count; i++) {
        if (set->slots[i].note->value_size > 0) {
            set->slots[kept++] = (struct note_slot){.note = set->slots[i].note};
        } else {
            note_release(set->slots[i].note);
        }
    }
    set->count = kept;
    set->changed = 0;
    pthread_mutex_unlock(&set->lock);
}

enum store_status note_set_get(struct note_set *set, struct slice name, struct arena *arena, struct slice *ret_value) {
    const struct note *note;
    bool copied = true;

    *ret_value = SLICE("");
    pthread_mutex_lock(&set->lock);
    note = note_set_find(set, name);
    if (note != NULL && note->value_size > 0) {
        copied = arena_copy(arena, note_value(note), ret_value);
    }
    pthread_mutex_unlock(&set->lock);
    return copied ? STORE_OK : STORE_NO_MEMORY;
}

bool note_set_list(struct note_set *set, struct note ***ret_notes, size_t *ret_count) {
    struct note **notes;
    size_t count = 0;

    pthread_mutex_lock(&set->lock);
    notes = malloc((set->count + 1) * sizeof(struct note *));
    for (size_t i = 0; notes != NULL && i < set->count; i++) {
        if (set->slots[i].note->value_size > 0) {
            notes[count++] = note_hold(set->slots[i].note);
        }
    }
    pthread_mutex_unlock(&set->lock);
    *ret_notes = notes;
    *ret_count = count;
    return notes != NULL;
}
