/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "group/shared.h"

/* The nodes of the cluster, as this one sees them. */

#define APPEND(error, out, ...) ((error) == LARDER_OK ? buf_printf((out), __VA_ARGS__) : (error))

static const char *peer_word(struct peers *peers, struct slice id) {
    static const char *const words[] = {
        [PEER_IDLE] = "idle", [PEER_CONNECTING] = "connecting", [PEER_UP] = "up", [PEER_EJECTED] = "ejected"};
    struct peer_figures figures;

    return peers_get_figures(peers, id, &figures) ? words[figures.state] : "self";
}

static const char *state_word(const struct member *member) {
    if (member->algorithm != RING_ALGORITHM) {
        return "of another ring";
    }
    return member->leaving ? "leaving" : "serving";
}

static enum larder_error write_member(const struct cmd_context *context, const struct keeper_view *view, size_t index,
                                      const uint32_t *slots, struct buf *out) {
    const struct member *member = &view->members->members[index];
    bool is_self = index == view->self;
    enum larder_error error = APPEND(LARDER_OK, out, "%s{", index > 0 ? "," : "");

    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("id"), member->id);
    }
    error = APPEND(error, out, ",");
    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("address"), member->address);
    }
    return APPEND(error, out,
                  ",\"incarnation\":%" PRId64 ",\"state\":\"%s\",\"share\":%.6f,\"peer\":\"%s\",\"self\":%s}",
                  member->incarnation, state_word(member), (double)slots[index] / RING_SLOTS,
                  is_self ? "self" : peer_word(context->shared_worker->peers, member->id), is_self ? "true" : "false");
}

static void count_slots(const struct keeper_view *view, uint32_t slots[RING_NODES_MAX]) {
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        if (view->owners[slot] < RING_NODES_MAX) {
            slots[view->owners[slot]]++;
        }
    }
}

static enum larder_error write_view(const struct cmd_context *context, const struct keeper_view *view,
                                    struct buf *out) {
    uint32_t slots[RING_NODES_MAX] = {0};
    enum larder_error error;

    count_slots(view, slots);
    error = buf_printf(out, ",\"revision\":%" PRId64 ",\"digest\":\"%016" PRIx64 "\",\"purge\":%" PRId64 ",\"nodes\":[",
                       view->members->revision, view->members->digest, view->purges);
    for (size_t i = 0; i < view->members->count && error == LARDER_OK; i++) {
        error = write_member(context, view, i, slots, out);
    }
    return APPEND(error, out, "]");
}

enum larder_error cmd_members(struct cmd_context *context, struct buf *out) {
    struct shared *shared = context->node->shared;
    struct keeper_view *view = NULL;
    struct cluster_figures figures;
    enum larder_error error;

    if (shared == NULL) {
        return buf_printf(out, "{\"cluster\":null}\n");
    }
    cluster_get_figures(shared->cluster, &figures);
    error = buf_append(out, "{", 1);
    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("cluster"), context->node->peer_identity->cluster);
    }
    error = APPEND(error, out, ",");
    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("self"), context->node->peer_identity->id);
    }
    error = APPEND(error, out, ",\"member\":%s,\"authority\":%s", figures.member ? "true" : "false",
                   context->now_ns < keeper_authority_ns(shared->keeper) ? "true" : "false");
    keeper_renew(shared->keeper, &view);
    if (error == LARDER_OK && view != NULL) {
        error = write_view(context, view, out);
    }
    keeper_view_unref(view);
    return APPEND(error, out, "}\n");
}
