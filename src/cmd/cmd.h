/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_CMD_H
#define LARDER_CMD_CMD_H

#include "base/buf.h"
#include "cmd/context.h"
#include "model/reply.h"
#include "model/request.h"

/* Runs one request. The reply is complete on return; reply_release follows when it has been encoded. Commands that answer
 * with more than an item (STATS, METRICS) have functions of their own below. */
void cmd_run(struct cmd_context *context, const struct request *request, struct reply *ret_reply);

/* Tells the table what is about to be asked for, so that it is at hand by then. */
void cmd_foresee(const struct cmd_context *context, const struct slice *keys, size_t count);

enum { CMD_FORESEE_MAX = 16 };

/* Whether the group of the key takes a value of request->body_size; asked before the value is read. */
bool cmd_accepts(const struct cmd_context *context, const struct request *request);

/* Answers a write whose value will not be taken, with `result` (TOO_LARGE or NO_MEMORY). */
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

/* Appends the groups of this node as JSON: what each decides and what was asked of it, and the store's figures if there is
 * one. Errors: LIMIT, NO_MEMORY. */
enum larder_error cmd_groups(struct cmd_context *context, struct buf *out);

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
