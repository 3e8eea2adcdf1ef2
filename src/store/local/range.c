/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

/* --- spans --- */

void span_begin(const struct key_tree *x, const struct store_span *span, struct span_walk *ret_walk) {
    *ret_walk = (struct span_walk){.single = store_span_is_single(span)};
    if (ret_walk->single) {
        ret_walk->only = key_entry_of(key_tree_find(x, span->key));
        return;
    }
    ret_walk->place = key_tree_seek(x, span->key);
    ret_walk->end = store_span_is_open(span) ? SLICE("") : span->range_end;
}

struct key_entry *span_next(struct span_walk *walk) {
    struct key_entry *e;

    if (walk->single) {
        e = walk->only;
        walk->only = NULL;
        return e;
    }
    e = key_entry_of(key_tree_next(&walk->place));
    return e != NULL && walk->end.size > 0 && slice_compare(key_entry_key(e), walk->end) >= 0 ? NULL : e;
}

/* --- ranges --- */

enum store_status range_collect(const struct view *v, const struct store_range *range,
                                struct selection *ret_selection) {
    struct span_walk walk;
    struct key_entry *e;

    selection_init(ret_selection, range);
    span_begin(&v->store->index, &range->span, &walk);
    while ((e = span_next(&walk)) != NULL) {
        const struct version *version = key_entry_at(e, v->revision);
        struct selected item;

        if (version == NULL) {
            continue;
        }
        item = (struct selected){
            .mod = version->mod,
            .create = version->create,
            .version = version->number,
            .from = version->recent,
            .sub = version->sub,
        };
        if (!selection_add(ret_selection, &item)) {
            return STORE_NO_MEMORY;
        }
    }
    return STORE_OK;
}

static enum store_status fetch(const void *ctx, const struct selected *item, struct kv *ret_kv) {
    const struct version version = {.mod = item->mod, .recent = item->from, .sub = item->sub};

    return view_fetch(ctx, &version, ret_kv);
}

enum store_status range_fetch(const struct view *v, struct selection *selection, struct arena *arena,
                              struct store_result *ret_result) {
    return selection_fetch(selection, fetch, v, arena, ret_result);
}
