/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_MEMBERSHIP_PACK_H
#define LARDER_RING_MEMBERSHIP_PACK_H

#include "base/error.h"
#include "ring/membership.h"

/* A membership of these nodes, sorted by id and all different; their texts are copied. One reference, the
 * caller's. Errors: NO_MEMORY. */
enum larder_error membership_pack(const struct member *members, size_t count, int64_t revision,
                                  struct membership **ret_membership);

#endif
