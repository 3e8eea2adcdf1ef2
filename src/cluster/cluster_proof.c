/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cluster/cluster_internal.h"

/* Until when the view is known to be whole. A watch of a store in other hands may be silent for minutes, because nothing has
 * happened or because it hangs, and what the store proves of itself (store_proven_ns) is of what its observer was told and
 * says nothing of this watcher. So the store is asked, linearizably and in one transaction: how many records there are, whether
 * one of them is newer than the view, whether a node has joined since, and whether a purge is newer than the last one.
 *
 * If all say no, nothing has changed from the view's revision to that of the answer: each record that is made bears with it
 * a change of `joined`, which stays when the record has gone, so the set cannot have lost and won back a node, nor have had one
 * for a while; without one that came, any that went makes it smaller. Then the view is whole as of the sending of the
 * question. It costs the store the same few reads however many nodes there are.
 *
 * A purge that is found so may have taken the place of others of its group that the watch has not brought yet, and will not be
 * applied from there. So the answer has no values: without one it is a purge of the whole group (cluster/purge_record.h). */

static void ask(struct cluster *c, int64_t now_ns) {
    struct store_op *ops = c->calls[CALL_CHECK].ops;
    const struct store_range newer = {
        .min_mod_revision = c->members->revision + 1, .keys_only = true, .limit = 1, .direct = true};

    ops[0] =
        (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = c->keys.nodes, .count_only = true, .direct = true}};
    ops[1] = (struct store_op){.kind = STORE_OP_RANGE, .range = newer};
    ops[1].range.span = c->keys.nodes;
    ops[2] = ops[1];
    ops[2].range.span = (struct store_span){.key = c->keys.joined};
    ops[3] = ops[1];
    ops[3].range.span = c->keys.purges;
    ops[3].range.limit = 0;
    ops[3].range.min_mod_revision = c->purge_number + 1;
    c->asked_revision = c->members->revision;
    wait_list_move(&c->asking, &c->fresh);
    c->counting.refreshes++;
    cluster_call_txn(c, CALL_CHECK, MACHINE_CALL_OPS_MAX, false, 0, now_ns);
}

/* Oldest first. */
static void apply_purges(struct cluster *c, const struct store_result *purges) {
    for (size_t left = purges->kv_count; left > 0; left--) {
        const struct kv *oldest = NULL;

        for (size_t i = 0; i < purges->kv_count; i++) {
            const struct kv *kv = &purges->kvs[i];

            if (kv->mod_revision > c->purge_number && (oldest == NULL || kv->mod_revision < oldest->mod_revision)) {
                oldest = kv;
            }
        }
        if (oldest == NULL) {
            return;
        }
        cluster_purge_apply(c, oldest);
    }
}

static bool is_whole(const struct cluster *c, const struct store_call *call) {
    const struct store_result *results = call->result.results;

    return c->members->revision >= call->revision ||
           (c->members->revision == c->asked_revision && results[0].count == c->node_keys && results[1].kv_count == 0 &&
            results[2].kv_count == 0);
}

static bool is_reached(struct cluster *c, struct cluster_wait *wait) {
    return c->members->revision >= wait->revision;
}

static void ask_again(struct cluster *c, int64_t due_ns) {
    c->calls[CALL_CHECK].due_ns = due_ns;
    wait_list_move(&c->fresh, &c->asking);
}

void cluster_check_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    if (call->status != STORE_OK || !c->listed) {
        ask_again(c, now_ns + MACHINE_CALL_RETRY_MS * CLOCK_NS_PER_MS);
        return;
    }
    if (call->revision < c->asked_revision) {
        cluster_view_lose(c, "the revisions of the store have begun anew");
        ask_again(c, now_ns);
        return;
    }
    apply_purges(c, &call->result.results[3]);
    if (!is_whole(c, call)) {
        ask_again(c, now_ns + CATCH_UP_MS * CLOCK_NS_PER_MS); /* the watch brings it */
        return;
    }
    c->proven_ns = c->calls[CALL_CHECK].sent_ns;
    c->calls[CALL_CHECK].due_ns = c->proven_ns + cluster_share_of_lease(c, PROOFS_IN_LEASE);
    if (c->asking.first != NULL) {
        cluster_view_raise(c, call->revision, now_ns);
        cluster_wait_end(c, &c->asking, is_reached);
        wait_list_move(&c->fresh, &c->asking);
    }
}

void cluster_proof_run(struct cluster *c, int64_t now_ns) {
    struct machine_call *check = &c->calls[CALL_CHECK];

    if (!c->listed || c->broken || check->under_way) {
        return;
    }
    if (c->fresh.first != NULL && check->due_ns > now_ns + CATCH_UP_MS * CLOCK_NS_PER_MS) {
        check->due_ns = now_ns;
    }
    if (now_ns >= check->due_ns) {
        ask(c, now_ns);
    }
}
