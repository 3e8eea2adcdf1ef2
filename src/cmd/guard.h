/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_GUARD_H
#define LARDER_CMD_GUARD_H

#include "cmd/context.h"
#include "model/reply.h"

/* Whether context->who may do what is asked, by the rules of etcd's users and roles (auth/auth.h): the one place that
 * decides it for memcached and HTTP. Keys of store groups are guarded by their names in the store, the copies of them at
 * hand as well; memory groups are everybody's. While authentication is disabled everybody may do everything, which costs
 * one load to find out.
 *
 * What a request needs: to read for what only reads; to write for a plain set or delete; both for all else, because it
 * tells what there was (a condition, an increment) or reads in order to write (append, touch), as a transaction of etcd's
 * needs both.
 *
 * Results: DONE (allowed), UNAUTHENTICATED (nobody asks, or somebody who is not a user any more), FORBIDDEN, NO_MEMORY. */

/* Whether there is anything to decide. */
static inline bool guard_is_up(const struct cmd_context *context) {
    return context->node->auth != NULL && auth_enabled(context->node->auth);
}

/* A request with a key of this store group. */
enum result guard_key(const struct cmd_context *context, const struct group_policy *policy,
                      const struct request *request);

/* The same; false: the reply says why not. */
bool guard_request(const struct cmd_context *context, const struct group_policy *policy, const struct request *request,
                   struct reply *reply);

/* A write whose group may be any, before its value is read. */
enum result guard_write(const struct cmd_context *context, const struct request *request);

/* To read all keys of the group that begin with `key`, which lacks the group's name and its '/'; or that one. Of a memory
 * group: DONE. */
enum result guard_keys(const struct cmd_context *context, const struct group_policy *policy, struct slice key,
                       bool prefix);

/* What is about the whole node, such as a flush: root's. */
enum result guard_root(const struct cmd_context *context);

#endif
