/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_RECORD_H
#define LARDER_RING_RECORD_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/kv.h"
#include "ring/membership.h"

/* Reads the record of the node `id`, which is borrowed as the kv is; at most MEMBER_ADDRESS_MAX bytes come from the arena.
 * Errors: INVALID (it is none), NO_MEMORY. */
enum larder_error record_read(struct slice id, const struct kv *kv, struct arena *arena, struct member *ret_member);

#endif
