/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/recent.h"

#include <stdlib.h>

struct recents *recents_new(void) {
    struct recents *r = calloc(1, sizeof(*r));

    if (r != NULL) {
        atomic_init(&r->holders, 1);
        arena_init(&r->arena, RECENTS_MAX);
    }
    return r;
}

void recents_release(struct recents *r) {
    if (r != NULL && atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) == 1) {
        arena_fini(&r->arena);
        free(r);
    }
}

struct recent *recents_make(struct recents *r, const struct kv *kv, uint32_t sub) {
    size_t size = record_size(kv);
    struct recent *recent = arena_alloc(&r->arena, sizeof(*recent) + size);

    if (recent == NULL) {
        return NULL;
    }
    atomic_init(&recent->next, NULL);
    recent->revision = kv->mod_revision;
    recent->sub = sub;
    recent->size = (uint32_t)size;
    record_encode(kv, sub, recent->bytes);
    return recent;
}

void recents_add(struct recents *r, struct recent *first, struct recent *last) {
    if (first == NULL) {
        return;
    }
    if (r->last == NULL) {
        atomic_store_explicit(&r->first, first, memory_order_release);
    } else {
        atomic_store_explicit(&r->last->next, first, memory_order_release);
    }
    r->last = last;
}
