/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_MEMORY_PURGE_H
#define LARDER_GROUP_MEMORY_PURGE_H

#include "cache/table.h"
#include "group/pending.h"
#include "group/policy.h"

/* The purge of one group of a node that is alone (in a cluster: shared_purge), or of its keys that begin with `prefix`, which is
 * copied and empty for all of them: a walk over the table takes out the entries of the keys, a few at a time, so that the worker serves others in between. All that was there when it began is
 * gone when its reply comes. What is written meanwhile may go as well: each key's entry goes at most once, at some moment
 * between request and reply.
 *
 * `group` is the index of a memory group or an origin group. `groups` points to where the worker keeps the set that is the newest, and is read
 * at each step, on the worker's thread: a reload may come in between. Both, and the table, outlive the purge. The reply is
 * complete or RESULT_PENDING; results: DONE, NO_MEMORY. */
void memory_purge(struct table *table, const struct group_set *const *groups, unsigned group, struct slice prefix,
                  struct pending_queue *completions, struct reply *reply);

#endif
