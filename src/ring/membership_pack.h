/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_MEMBERSHIP_PACK_H
#define LARDER_RING_MEMBERSHIP_PACK_H

#include "ring/record.h"

/* A membership of these nodes, sorted by id and all different; what the records hold is copied. One reference, the
 * caller's. Errors: NO_MEMORY. */
enum larder_error membership_pack(const struct record *records, size_t count, int64_t revision,
                                  struct membership **ret_membership);

#endif
