/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TOP_GROUPS_H
#define LARDER_CLI_TOP_GROUPS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* How busy each group is, on all nodes together: what has come to pass between two looks at what they have counted. */

/* One look: what each node answered to /admin/groups, by its id. */
struct top_look {
    json_t *answers; /* an object */
    int64_t at_ns;
};

struct top_group {
    const char *name; /* as long as the later look */
    double rate;      /* clients' requests a second */
    double hits;      /* reads a second that found something, and that did not */
    double misses;
};

struct top_groups {
    double rate;
    size_t count;
    struct top_group *groups; /* the busiest first */
};

/* The names of a cluster's nodes may be of any form; where a node was not there before, or counts anew, what it has counted is
 * left out. */
void top_groups_between(const struct top_look *before, const struct top_look *after, struct top_groups *ret_groups);
void top_groups_fini(struct top_groups *groups);

/* The part of the reads that found something, 0 to 1; negative: there were none. */
double top_group_hit_ratio(const struct top_group *group);

/* {"rate":...,"groups":[...]} */
json_t *top_groups_json(const struct top_groups *groups);

#endif
