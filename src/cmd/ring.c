/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "group/shared.h"

/* Where a key lives, as this node sees it. */

#define APPEND(error, out, ...) ((error) == LARDER_OK ? buf_printf((out), __VA_ARGS__) : (error))

static enum larder_error append_text(struct buf *out, enum larder_error error, struct slice name, struct slice value) {
    error = APPEND(error, out, ",");
    return error == LARDER_OK ? json_append_member(out, name, value) : error;
}

static const char *answer_word(enum keeper_way way) {
    switch (way) {
    case KEEPER_OWN:
        return "own";
    case KEEPER_INHERIT:
        return "inherit";
    case KEEPER_FORWARD:
        return "forward";
    case KEEPER_ISOLATED:
        return "isolated";
    default:
        return "none";
    }
}

static enum larder_error append_node(struct buf *out, enum larder_error error, struct slice name,
                                     const struct keeper_view *view, uint16_t member) {
    if (member >= view->members->count) {
        return APPEND(error, out, ",\"%.*s\":null", (int)name.size, name.data);
    }
    return append_text(out, error, name, view->members->members[member].id);
}

static enum larder_error append_place(struct buf *out, enum larder_error error, struct keeper *keeper,
                                      const struct keeper_view *view, struct slice key, int64_t now_ns) {
    struct keeper_route route = keeper_route(keeper, view, key, now_ns);
    uint32_t slot = ring_slot(key);
    uint16_t owner = view->owners[slot];

    error = APPEND(error, out, ",\"slot\":%" PRIu32, slot);
    error = append_node(out, error, SLICE("owner"), view, owner);
    error = APPEND(error, out, ",\"self\":%s", owner == view->self && owner != RING_NOBODY ? "true" : "false");
    error = append_node(out, error, SLICE("previous"), view,
                        route.way == KEEPER_INHERIT ? route.member : (uint16_t)RING_NOBODY);
    error = APPEND(error, out, ",\"answer\":\"%s\"", answer_word(route.way));
    return APPEND(error, out, ",\"epoch\":%" PRId64 ",\"digest\":\"%016" PRIx64 "\"", view->members->revision,
                  view->members->digest);
}

enum larder_error cmd_ring(struct cmd_context *context, struct slice key, struct buf *out) {
    const struct group_policy *policy = group_set_find(context->groups, key);
    bool in_store = group_policy_is_store(policy);
    const struct shared *shared = context->node->shared;
    enum larder_error error = buf_append(out, "{", 1);
    struct keeper_view *view = NULL;

    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("key"), key);
    }
    error = append_text(out, error, SLICE("group"), group_policy_name(policy));
    error = APPEND(error, out, ",\"backing\":\"%s\"",
                   in_store                         ? "store"
                   : group_policy_is_origin(policy) ? "origin"
                                                    : "memory");
    if (shared == NULL) {
        return APPEND(error, out, ",\"cluster\":null}\n");
    }
    error = append_text(out, error, SLICE("cluster"), context->node->peer_identity->cluster);
    keeper_renew(shared->keeper, &view);
    if (view != NULL && !in_store) {
        error = append_place(out, error, shared->keeper, view, key, context->now_ns);
    }
    keeper_view_unref(view);
    return APPEND(error, out, "}\n");
}
