/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STATUS_CLUSTER_H
#define LARDER_CLI_STATUS_CLUSTER_H

#include <jansson.h>

#include "cli/terminal.h"
#include "store/etcd/client.h"

/* A cluster as somebody sees it: a node that keeps its groups there, or this tool. */
struct cluster_look {
    uint64_t id; /* 0: nobody has said */
    size_t count;
    struct etcd_member
        members[ETCD_MEMBERS_MAX]; /* GOOD: it answers; `trouble` is what is wrong with it all the same */
};

/* How many answer. */
size_t cluster_good(const struct cluster_look *look);

/* NULL: nobody leads, nobody says who does, or it does not answer. */
const struct etcd_member *cluster_leader(const struct cluster_look *look);

/* The newest revision that any of them has spoken of. */
int64_t cluster_revision(const struct cluster_look *look);

/* All members answer, nothing is wrong with any, and there is a leader. */
bool cluster_is_well(const struct cluster_look *look);

/* What to call a member: its name, else where it is. Returns one of the two. */
const char *cluster_member_name(const struct etcd_member *member, char ret_endpoint[ETCD_ENDPOINT_TEXT_MAX]);

/* "3 members, 2 answer, m1 leads", without an end of line. */
void cluster_print_summary(const struct terminal *terminal, const struct cluster_look *look);

/* A table of the members, each line with `indent` in front, and below each what is wrong with it. */
void cluster_print_members(const struct terminal *terminal, const struct cluster_look *look, const char *indent);

/* An array of objects. */
json_t *cluster_members_json(const struct cluster_look *look);

/* Ids as etcdctl writes them: hexadecimal, because numbers so large do not survive in JSON. null for 0. */
json_t *cluster_id_json(uint64_t id);

#endif
