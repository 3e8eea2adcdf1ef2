/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_GROUPCACHE_CURRENT_H
#define LARDER_RING_GROUPCACHE_CURRENT_H

#include "base/error.h"
#include "ring/groupcache_pool.h"

/* Where the pool of a group stands as it is now. Pools do not change; who follows the members puts a newer one in the place of
 * the last, while others ask. Counted, and for any thread. */
struct groupcache_current;

/* `pool` is the first; the caller's reference is taken over. NULL: none is known yet. The caller owns one reference to what is
 * made. Errors: NO_MEMORY; the pool is the caller's still, then. */
enum larder_error groupcache_current_new(struct groupcache_pool *pool, struct groupcache_current **ret_current);

/* A reference to the pool, which the caller owns; NULL: none is known yet. */
struct groupcache_pool *groupcache_current_get(struct groupcache_current *c);

/* From now on it is this one; the caller's reference is taken over. */
void groupcache_current_set(struct groupcache_current *c, struct groupcache_pool *pool);

struct groupcache_current *groupcache_current_ref(struct groupcache_current *c);
void groupcache_current_unref(struct groupcache_current *c); /* NULL is allowed */

#endif
