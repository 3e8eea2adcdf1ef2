/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ORIGIN_LOAD_H
#define LARDER_GROUP_ORIGIN_LOAD_H

#include "group/origin_internal.h"

/* One request to an origin, between the files that ask (origin_load.c), receive (origin_receive.c) and end it
 * (origin_end.c). All on the thread of the flight's worker. */

static inline const struct group_policy *origin_flight_policy(const struct origin_flight *f) {
    return &(*f->worker->groups)->policies[f->group];
}

static inline void origin_flight_count(const struct origin_flight *f, enum counter counter) {
    telemetry_count(f->worker->telemetry, counter, 1);
}

const struct origin_control *origin_flight_control(const struct origin_flight *f);

/* What the rules are told of the request. The names of declared fields lie in `place`. */
struct origin_rules {
    struct origin_policy policy;
    struct judge_load judge;
    struct slice place[GROUP_ORIGIN_FIELDS_MAX];
};

/* --- origin_receive.c --- */

void origin_rules_make(const struct origin_flight *f, struct origin_rules *ret_rules);

/* The flight's value becomes this entry's head, with room for so much of a body behind it; or f->overtaxed. */
void origin_begin_value(struct origin_flight *f, const struct origin_entry *entry, size_t body);

/* Of struct fetch_ops; `ctx` is the flight. */
void origin_on_head(void *ctx, const struct fetch_head *head);
enum fetch_flow origin_on_body(void *ctx, struct slice piece);

/* --- origin_end.c --- */

void origin_on_done(void *ctx, enum larder_error error);

/* This node could not do it: nothing is to be concluded of the origin. It lands with this result. */
void origin_give_up(struct origin_flight *f, enum result result);

/* It has come to its end, and origin_publish is done. */
void origin_land_published(struct origin_flight *f);

#endif
