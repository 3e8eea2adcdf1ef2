/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/hot_sample.h"
#include "group/shared.h"
#include "ring/heat_board.h"

/* The keys that clients ask for most, as the workers have put them up. */

#define APPEND(error, out, ...) ((error) == LARDER_OK ? buf_printf((out), __VA_ARGS__) : (error))

/* Who has the key; only keys of memory and of origins belong to a node. */
static enum larder_error write_owner(struct buf *out, enum larder_error error, const struct keeper_view *view,
                                     struct slice key) {
    uint16_t owner = view->owners[ring_slot(key)];

    if (owner >= view->members->count) {
        return APPEND(error, out, ",\"owner\":null");
    }
    error = APPEND(error, out, ",");
    return error == LARDER_OK ? json_append_member(out, SLICE("owner"), view->members->members[owner].id) : error;
}

static enum larder_error write_key(const struct cmd_context *context, const struct keeper_view *view,
                                   const struct heat_key *key, double hot_per_s, struct buf *out) {
    const struct group_policy *policy = group_set_find(context->groups, key->key);
    enum larder_error error = buf_append(out, "{", 1);

    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("key"), key->key);
    }
    error = APPEND(error, out, ",");
    if (error == LARDER_OK) {
        error = json_append_member(out, SLICE("group"), group_policy_name(policy));
    }
    if (view != NULL && !group_policy_is_store(policy)) {
        error = write_owner(out, error, view, key->key);
    }
    return APPEND(error, out, ",\"rate\":%.1f,\"hot\":%s}", key->per_s, key->per_s >= hot_per_s ? "true" : "false");
}

static enum larder_error write_list(const struct cmd_context *context, const struct heat_list *list, double hot_per_s,
                                    struct buf *out) {
    struct keeper_view *view = NULL;
    enum larder_error error = buf_printf(out, "{\"hot_rate\":%.0f,\"rate\":%.1f,\"keys\":[", hot_per_s, list->per_s);

    if (context->node->shared != NULL) {
        keeper_renew(context->node->shared->keeper, &view);
    }
    for (size_t i = 0; i < list->count && error == LARDER_OK; i++) {
        error = i > 0 ? buf_append(out, ",", 1) : LARDER_OK;
        error = error == LARDER_OK ? write_key(context, view, &list->keys[i], hot_per_s, out) : error;
    }
    keeper_view_unref(view);
    return APPEND(error, out, "]}\n");
}

enum larder_error cmd_hot(struct cmd_context *context, size_t max, struct buf *out) {
    struct heat_board *board = context->node->heat_board;
    struct heat_list *list;
    enum larder_error error;

    if (board == NULL) {
        return buf_printf(out, "{\"hot_rate\":0,\"rate\":0.0,\"keys\":[]}\n");
    }
    error = heat_board_read(board, max, &list);
    if (error != LARDER_OK) {
        return error;
    }
    error = write_list(context, list, heat_board_hot_per_s(board), out);
    free(list);
    return error;
}

/* The list is ordered: the hot ones stand in front. */
static size_t count_hot(const struct heat_list *list, double hot_per_s) {
    size_t count = 0;

    while (count < list->count && list->keys[count].per_s >= hot_per_s) {
        count++;
    }
    return count;
}

void hot_sample(const struct cmd_node *node, struct telemetry_samples *samples) {
    struct heat_list *list;

    if (node->heat_board == NULL || heat_board_read(node->heat_board, HEAT_LISTED_MAX, &list) != LARDER_OK) {
        samples->absent[SAMPLE_HOT_KEYS] = true;
        samples->absent[SAMPLE_HOTTEST_RATE] = true;
        return;
    }
    samples->values[SAMPLE_HOT_KEYS] = count_hot(list, heat_board_hot_per_s(node->heat_board));
    samples->values[SAMPLE_HOTTEST_RATE] = list->count > 0 ? (uint64_t)(list->keys[0].per_s + 0.5) : 0;
    free(list);
}
