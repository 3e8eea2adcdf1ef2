/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/garbage.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MIN = 1024, DOOMED_MIN = 1024 };

void garbage_fini(struct garbage *g) {
    free(g->items);
    free(g->doomed);
    *g = (struct garbage){0};
}

static size_t wrap(const struct garbage *g, size_t at) {
    return at & (g->capacity - 1);
}

bool garbage_reserve(struct garbage *g) {
    size_t capacity = g->capacity == 0 ? ITEMS_MIN : g->capacity * 2;
    struct garbage_item *items;

    if (g->count < g->capacity) {
        return true;
    }
    items = malloc(capacity * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < g->count; i++) {
        items[i] = g->items[wrap(g, g->first + i)];
    }
    free(g->items);
    g->items = items;
    g->first = 0;
    g->capacity = capacity;
    return true;
}

void garbage_push(struct garbage *g, int64_t revision, struct key_entry *e) {
    g->items[wrap(g, g->first + g->count++)] = (struct garbage_item){revision, e};
    e->garbage++;
}

void garbage_push_front(struct garbage *g, int64_t revision, struct key_entry *e) {
    g->first = wrap(g, g->first - 1);
    g->items[g->first] = (struct garbage_item){revision, e};
    g->count++;
    e->garbage++;
}

bool garbage_pop(struct garbage *g, int64_t revision, struct garbage_item *ret_item) {
    if (g->count == 0 || g->items[g->first].revision > revision) {
        return false;
    }
    *ret_item = g->items[g->first];
    g->first = wrap(g, g->first + 1);
    g->count--;
    ret_item->entry->garbage--;
    return true;
}

size_t garbage_count_at(const struct garbage *g, int64_t revision) {
    size_t count = 0;

    while (count < g->count && g->items[wrap(g, g->first + count)].revision == revision) {
        count++;
    }
    return count;
}

void garbage_undo(struct garbage *g, int64_t revision) {
    while (g->count > 0) {
        const struct garbage_item *last = &g->items[wrap(g, g->first + g->count - 1)];

        if (last->revision <= revision) {
            break;
        }
        last->entry->garbage--;
        g->count--;
    }
}

bool garbage_doom(struct garbage *g, const struct version *versions, uint32_t count) {
    while (g->doomed_capacity - g->doomed_count < count) {
        size_t capacity = g->doomed_capacity == 0 ? DOOMED_MIN : g->doomed_capacity * 2;
        struct doomed_record *doomed = realloc(g->doomed, capacity * sizeof(*doomed));

        if (doomed == NULL) {
            return false;
        }
        g->doomed = doomed;
        g->doomed_capacity = capacity;
    }
    for (uint32_t i = 0; i < count; i++) {
        g->doomed[g->doomed_count++] = (struct doomed_record){versions[i].mod, versions[i].sub, versions[i].bytes};
    }
    return true;
}

void garbage_deleted(struct garbage *g, size_t count) {
    g->doomed_count -= count;
    if (count > 0) {
        memmove(g->doomed, g->doomed + count, g->doomed_count * sizeof(*g->doomed));
    }
}
