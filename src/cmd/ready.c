/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/cmd.h"
#include "group/shared.h"
#include "store/etcd/etcd.h"

static void append_member(const struct etcd_member *member, struct buf *out) {
    char place[ETCD_ENDPOINT_TEXT_MAX];

    etcd_endpoint_format(&member->endpoint, place);
    buf_printf(out, "%s%s%s%s: %s\n", place, member->name[0] != '\0' ? " (" : "", member->name,
               member->name[0] != '\0' ? ")" : "",
               member->trouble[0] != '\0'              ? member->trouble
               : member->health == ETCD_HEALTH_UNTRIED ? "not tried yet"
                                                       : "nothing is known to be wrong");
}

/* What is wrong with the cluster as a whole, then with each of its members. */
static void explain(struct store *store, const char *trouble, struct buf *out) {
    struct etcd_store_look *look = malloc(sizeof(*look));

    buf_printf(out, "the etcd cluster cannot be used: %s\n", trouble[0] != '\0' ? trouble : "it is not reached yet");
    if (look != NULL && etcd_store_look(store, look)) {
        for (size_t i = 0; i < look->member_count; i++) {
            append_member(&look->members[i], out);
        }
    }
    free(look);
}

static bool is_member(const struct shared *shared, int64_t now_ns, struct buf *out) {
    struct cluster_figures figures;

    cluster_get_figures(shared->cluster, &figures);
    if (!figures.member) {
        buf_printf(out, "this node is not a member of its cluster yet, or no more\n");
    } else if (now_ns >= keeper_authority_ns(shared->keeper)) {
        buf_printf(out, "this node is cut off from its cluster\n");
    } else {
        return true;
    }
    return false;
}

bool cmd_is_ready(struct cmd_context *context, struct buf *out) {
    const struct cmd_node *node = context->node;
    char trouble[ETCD_MEMBER_TEXT_MAX];

    if (atomic_load(&node->draining)) {
        buf_printf(out, "draining\n");
        return false;
    }
    if (!etcd_store_is_ready(node->cluster, trouble)) {
        explain(node->cluster, trouble, out);
        return false;
    }
    if (node->shared != NULL && !is_member(node->shared, context->now_ns, out)) {
        return false;
    }
    buf_printf(out, "ready\n");
    return true;
}
