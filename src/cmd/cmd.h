/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_CMD_H
#define LARDER_CMD_CMD_H

#include "base/buf.h"
#include "cmd/context.h"
#include "group/audit.h"
#include "group/listing.h"
#include "group/watching.h"
#include "model/reply.h"
#include "model/request.h"

/* Runs one request. The reply is complete on return, and reply_release follows when it has been encoded; or its result is
 * RESULT_PENDING: then pending_await or pending_abandon follows (group/pending.h), the request's slices are not needed any
 * more, and the complete reply comes later. Commands that answer with more than an item (STATS, METRICS) have functions of
 * their own below. */
void cmd_run(struct cmd_context *context, const struct request *request, struct reply *ret_reply);

/* Tells the table what is about to be asked for, so that it is at hand by then. */
void cmd_foresee(const struct cmd_context *context, const struct slice *keys, size_t count);

enum { CMD_FORESEE_MAX = 16 };

/* Whether the group of the key takes a value of request->body_size; asked before the value is read. */
bool cmd_accepts(const struct cmd_context *context, const struct request *request);

/* Beside which others, whose replies are pending on the same connection, a request may be run. */
enum cmd_order {
    CMD_ALONE,  /* none: it may have to see what they did */
    CMD_STORED, /* plain writes of store groups: they take effect in the order they are run in */
    CMD_SHARED, /* requests of memory groups in a cluster: those for one key keep their order (group/shared.h); and of origin
                 * groups: a write is done at once, and a read that waits is answered with what was before it or after it */
};

enum cmd_order cmd_order_of(const struct cmd_context *context, const struct request *request);

/* A complete reply that is not encoded at once: it holds its value by itself from here on, and no lock. */
void cmd_keep_reply(struct reply *reply);

/* Whether a value that has not all come yet is worth being read straight to its place. */
bool cmd_places(const struct cmd_context *context, const struct request *request);

/* That place, to be handed over as request->placed with the complete request, or given back with cmd_place_cancel. False:
 * *ret_result says why, for cmd_refuse. */
bool cmd_place(const struct cmd_context *context, const struct request *request, struct placed_value *ret_value,
               enum result *ret_result);

/* Gives back what no cmd_run took over; twice is fine. */
void cmd_place_cancel(struct placed_value *value);

/* Answers a write whose value will not be taken, with `result` (TOO_LARGE, NO_MEMORY, TOO_MANY_REQUESTS, UNAUTHENTICATED,
 * FORBIDDEN). The reply may be RESULT_PENDING: in a cluster the old value may have to be removed elsewhere. */
void cmd_refuse(struct cmd_context *context, const struct request *request, enum result result,
                struct reply *ret_reply);

/* One name and value of a STATS answer. False: the answer cannot be continued. */
typedef bool cmd_stat_fn(void *ctx, const char *name, const char *value);

enum cmd_stats_outcome {
    CMD_STATS_DONE,    /* the lines were emitted */
    CMD_STATS_RESET,   /* counting begins anew */
    CMD_STATS_UNKNOWN, /* no such topic */
    CMD_STATS_FAILED,  /* out of memory */
};

/* Emits the statistics of a topic ("" for the general ones) under the names that memcached's monitoring reads. */
enum cmd_stats_outcome cmd_stats(struct cmd_context *context, struct slice topic, cmd_stat_fn *emit, void *ctx);

/* Appends the Prometheus text of this node. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_metrics(struct cmd_context *context, struct buf *out);

/* Whether this node can do all that it is there for; appends a text for people that says so, or why not. A node whose etcd
 * cluster cannot be used is not ready, though its memory groups work. */
bool cmd_is_ready(struct cmd_context *context, struct buf *out);

/* Appends the groups of this node as JSON: what each decides and what was asked of it, and the store's figures if there is
 * one. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_groups(struct cmd_context *context, struct buf *out);

/* Appends the nodes of the cluster as JSON, as this one sees them. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_members(struct cmd_context *context, struct buf *out);

/* Appends as JSON where a key of a memory group lives, as this node sees it. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_ring(struct cmd_context *context, struct slice key, struct buf *out);

/* Appends as JSON the `max` keys that clients ask for most through this node. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_hot(struct cmd_context *context, size_t max, struct buf *out);

/* --- many keys of a store group --- */

/* A page of keys; see group/listing.h. The reply may be RESULT_PENDING. */
void cmd_list(struct cmd_context *context, const struct group_policy *policy, const struct listing_wish *wish,
              struct reply *ret_reply);

/* A watch; see watching_open. */
struct watching *cmd_watch(struct cmd_context *context, const struct group_policy *policy,
                           const struct watching_wish *wish, watching_ready_fn *ready, void *owner,
                           enum result *ret_result, int64_t *ret_revision);

/* Compares all copies of the store's keys with it; see group/audit.h. Needs a store. The reply may be RESULT_PENDING. */
void cmd_audit(struct cmd_context *context, struct reply *ret_reply);

/* The same slowly, for one worker to call about once a second; see audit_patrol_run. Without a store nothing happens. */
void cmd_audit_patrol(struct cmd_context *context, struct audit_patrol *patrol);

/* --- between the files of this room --- */

typedef void cmd_handler(struct cmd_context *context, const struct request *request, struct reply *reply);

cmd_handler cmd_get;
cmd_handler cmd_inspect;
cmd_handler cmd_set;
cmd_handler cmd_delete;
cmd_handler cmd_arith;
cmd_handler cmd_touch;
cmd_handler cmd_flush;
cmd_handler cmd_acknowledge;

/* All that a scrape reads off besides the counters. */
void cmd_sample(struct cmd_context *context, const struct telemetry_snapshot *snapshot,
                struct telemetry_samples *ret_samples);

#endif
