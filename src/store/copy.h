/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_COPY_H
#define LARDER_STORE_COPY_H

#include "store/store.h"

/* Copies that live in an arena, for engines. */

/* False: no room; *ret_copy is then of no use. It may be `kv` itself. */
static inline bool store_kv_copy(struct arena *arena, const struct kv *kv, struct kv *ret_copy) {
    *ret_copy = *kv;
    return arena_copy(arena, kv->key, &ret_copy->key) && arena_copy(arena, kv->value, &ret_copy->value);
}

/* Makes room in the batch for one more event, of which *capacity counts those there is room for (0 at first). False: no
 * memory. */
bool store_batch_make_room(struct store_batch *batch, size_t *capacity);

#endif
