/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_PREFIX_INDEX_H
#define LARDER_GROUP_PREFIX_INDEX_H

#include "group/policy.h"

/* Part of group_set_build: fills in, for the declared store groups of a set, by_prefix, enclosing, store_count, and who is
 * overlapped. Errors: EXISTS (two have the same prefix), INVALID (a prefix is refused, or "default" is one of them). */
enum larder_error prefix_index_build(struct group_set *set);

#endif
