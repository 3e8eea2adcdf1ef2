/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include "alloc.h"

#include <assert.h>
#include <string.h>

static uint64_t mix(uint64_t key) {
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return key ^ (key >> 32);
}

void load_init(struct load *load, const char *name, bool unit_sizes) {
    memset(load, 0, sizeof(*load));
    size_t length = strlen(name) + 1;
    load->name = need_zeroed(length, 1);
    memcpy(load->name, name, length);
    load->unit_sizes = unit_sizes;
}

static uint32_t *find_slot(const struct load *load, uint64_t key) {
    uint32_t mask = load->slot_count - 1;
    uint32_t at = (uint32_t)mix(key) & mask;
    while (load->slots[at] && load->keys[load->slots[at] - 1] != key) {
        at = (at + 1) & mask;
    }
    return &load->slots[at];
}

static void grow_slots(struct load *load) {
    free(load->slots);
    load->slot_count = load->slot_count ? load->slot_count * 2 : 1024;
    load->slots = need_zeroed(load->slot_count, sizeof(*load->slots));
    for (uint32_t id = 0; id < load->objects; id++) {
        *find_slot(load, load->keys[id]) = id + 1;
    }
}

static uint32_t number_of(struct load *load, uint64_t key) {
    if (load->objects >= load->slot_count / 2) {
        grow_slots(load);
    }
    uint32_t *slot = find_slot(load, key);
    if (*slot) {
        return *slot - 1;
    }
    if (load->objects == load->keys_room) {
        load->keys_room = load->keys_room ? load->keys_room * 2 : 1024;
        load->keys = need_grown(load->keys, load->keys_room, sizeof(*load->keys));
    }
    load->keys[load->objects] = key;
    *slot = ++load->objects;
    return load->objects - 1;
}

void load_add(struct load *load, uint64_t key, uint32_t size, bool write) {
    assert(load->count < LOAD_NEVER - 1);
    if (load->count == load->room) {
        load->room = load->room ? load->room * 2 : 1024;
        load->requests = need_grown(load->requests, load->room, sizeof(*load->requests));
    }
    load->requests[load->count++] = (struct request){
        .id = number_of(load, key),
        .size = load->unit_sizes || !size ? 1 : size,
        .next = LOAD_NEVER,
        .write = write,
    };
}

void load_finish(struct load *load) {
    uint32_t *coming = need_zeroed(load->objects, sizeof(*coming));
    uint32_t *largest = need_zeroed(load->objects, sizeof(*largest));
    for (uint32_t i = load->count; i-- > 0;) {
        struct request *r = &load->requests[i];
        r->next = coming[r->id] ? coming[r->id] - 1 : LOAD_NEVER;
        coming[r->id] = i + 1;
        if (r->size > largest[r->id]) {
            largest[r->id] = r->size;
        }
        load->requested_bytes += r->size;
    }
    for (uint32_t id = 0; id < load->objects; id++) {
        load->footprint += largest[id];
    }
    free(largest);
    free(coming);
}

void load_fini(struct load *load) {
    free(load->name);
    free(load->requests);
    free(load->slots);
    free(load->keys);
    memset(load, 0, sizeof(*load));
}
