/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_COUNT_H
#define LARDER_CLI_SIMULATE_COUNT_H

#include "cli/simulate/session.h"
#include "cli/simulate/show.h"

struct timer;
struct simulate_count;

/* What one member has, by itself. */
struct simulate_member {
    struct etcd_endpoint endpoint;
    char name[64];
    bool counted;                       /* it has everything up to the last revision, and this is what it holds: */
    int64_t count;                      /* keys below the prefix; what it had last, if it is still behind */
    int64_t revision;                   /* of its answer; 0: it never answered */
    char trouble[ETCD_MEMBER_TEXT_MAX]; /* why it is not counted; may be empty */

    struct simulate_count *owner;
    struct store_call call;
    bool is_asked;
};

/* The keys, counted on each member: a read of its own copy that nobody else takes part in. */
struct simulate_count {
    struct session *session;
    struct simulate_member members[ETCD_MEMBERS_MAX];
    size_t member_count;
    int64_t total;    /* as the cluster says, by a linearizable read */
    int64_t revision; /* of that; a member that answers with a lower one is behind */
    bool complete;    /* all members are counted */
    char range_end[SIMULATE_PREFIX_MAX];
    int64_t deadline_ns;
    struct timer *timer;
    struct show show;
};

/* Counts, and waits for members that are behind or away, up to config->wait_members_ns. Returns an exit code; when it is not
 * EXIT_CODE_OK, the reason was printed (an interrupt needs none). simulate_count_fini comes after session_close. */
int simulate_count(struct simulate_count *count, struct session *session);
void simulate_count_fini(struct simulate_count *count);

#endif
