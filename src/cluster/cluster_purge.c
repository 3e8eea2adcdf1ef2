/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "cluster/cluster_internal.h"
#include "cluster/purge_record.h"

/* Purges: applied in the order of their numbers, and waited for until every live node says that it has. */

enum { WHOLE_MAX = CLUSTER_NAME_MAX + 1 + REQUEST_KEY_MAX };

/* What the keys begin with, their group's name included. */
static struct slice whole_prefix(struct slice name, struct slice prefix, char *place) {
    size_t size = 0;

    if (!slice_equal(name, SLICE("default"))) {
        memcpy(place, name.data, name.size);
        size = name.size;
        place[size++] = '/';
    }
    memcpy(place + size, prefix.data, prefix.size);
    return slice_make(place, size + prefix.size);
}

static enum larder_error purge(struct cluster *c, unsigned group, struct slice name, struct slice value) {
    char prefix_place[PURGE_PREFIX_ROOM], place[WHOLE_MAX];
    struct slice prefix = purge_record_read(value, prefix_place);

    if (group == KEEPER_GROUPS || prefix.size == 0 || name.size > CLUSTER_NAME_MAX) {
        return keeper_purge(c->config.keeper, group, c->keeper_number);
    }
    prefix = whole_prefix(name, prefix, place);
    prefix.size = prefix.size < REQUEST_KEY_MAX ? prefix.size : REQUEST_KEY_MAX; /* rather too much */
    return keeper_purge_prefix(c->config.keeper, group, prefix, c->keeper_number);
}

void cluster_purge_apply(struct cluster *c, const struct kv *kv) {
    struct slice name = slice_skip(kv->key, c->keys.purges.key.size);
    bool all = slice_equal(name, SLICE("*"));
    unsigned group = all ? KEEPER_GROUPS : c->config.group_index(c->config.ctx, name);

    if (kv->mod_revision <= c->purge_number) {
        return;
    }
    c->purge_number = kv->mod_revision;
    c->keeper_number = kv->mod_revision > c->keeper_number ? kv->mod_revision : c->keeper_number;
    c->counting.purges_applied++;
    if (!all && group == KEEPER_GROUPS) {
        return; /* nothing here is of it */
    }
    cluster_view_make_room(c);
    c->broken = purge(c, group, name, kv->value) != LARDER_OK || c->broken;
    if (!c->broken) {
        c->config.on_change(c->config.ctx);
    }
}

/* --- what we have applied --- */

void cluster_applied_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    if (call->status == STORE_OK) {
        c->applied_told = c->applied_sent;
    } else {
        cluster_call_again(c, CALL_APPLIED, now_ns);
    }
}

static void tell_applied(struct cluster *c, int64_t now_ns) {
    struct store_op op = {.kind = STORE_OP_PUT, .put = {.key = c->keys.own_applied, .lease = c->lease}};

    /* The text is that of a record being written meanwhile as well. */
    if (c->applied_told == c->purge_number || c->incarnation == 0 || c->lease == 0 || c->broken ||
        c->calls[CALL_RECORD].under_way || !cluster_call_can(c, CALL_APPLIED, now_ns)) {
        return;
    }
    c->applied_sent = c->purge_number;
    snprintf(c->applied_text, sizeof(c->applied_text), "%lld", (long long)c->applied_sent);
    op.put.value = slice_from_string(c->applied_text);
    cluster_call_one(c, CALL_APPLIED, op, now_ns + c->config.lease_ns, now_ns);
}

/* --- records of purges --- */

static struct cluster_wait *take_first(struct wait_list *list) {
    struct cluster_wait *wait = list->first;

    if (wait != NULL) {
        list->first = wait->next;
        if (list->first == NULL) {
            list->last = &list->first;
        }
    }
    return wait;
}

static void record_next(struct cluster *c, int64_t now_ns) {
    struct store_op op = {.kind = STORE_OP_PUT};
    struct cluster_wait *wait;

    if (c->calls[CALL_PURGE].under_way || (wait = take_first(&c->to_purge)) == NULL) {
        return;
    }
    buf_consume(&c->purge_key, c->purge_key.size);
    buf_consume(&c->purge_text, c->purge_text.size);
    if (buf_append_slice(&c->purge_key, c->keys.purges.key) != LARDER_OK ||
        buf_append_slice(&c->purge_key, slice_from_string(wait->group)) != LARDER_OK ||
        purge_record_write(c->keys.id, slice_make(wait->prefix, wait->prefix_size), &c->purge_text) != LARDER_OK) {
        wait->done(wait);
        return;
    }
    c->purging = wait;
    op.put.key = buf_slice(&c->purge_key);
    op.put.value = buf_slice(&c->purge_text);
    cluster_call_one(c, CALL_PURGE, op, wait->deadline_ns, now_ns);
}

void cluster_purge_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    struct cluster_wait *wait = c->purging;

    (void)now_ns;
    c->purging = NULL;
    if (call->status != STORE_OK) {
        log_warn("a purge was not recorded", log_string("group", wait->group),
                 log_string("reason", store_status_text(call->status)));
        wait->done(wait);
        return;
    }
    wait->recorded = true;
    wait->revision = call->revision;
    wait_list_add(&c->purged, wait);
    c->wants_survey = true;
}

/* --- who has applied them --- */

static void ask_survey(struct cluster *c, int64_t now_ns) {
    struct store_op *ops = c->calls[CALL_SURVEY].ops;

    c->wants_survey = false;
    c->calls[CALL_SURVEY].due_ns = now_ns;
    ops[0] =
        (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = c->keys.nodes, .keys_only = true, .direct = true}};
    ops[1] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = c->keys.applied, .direct = true}};
    cluster_call_txn(c, CALL_SURVEY, 2, false, 0, now_ns);
}

static int64_t applied_by(const struct cluster *c, const struct store_result *applied, struct slice id) {
    for (size_t i = 0; i < applied->kv_count; i++) {
        const struct kv *kv = &applied->kvs[i];
        uint64_t number;

        if (slice_equal(slice_skip(kv->key, c->keys.applied.key.size), id)) {
            return number_parse_u64(kv->value, &number) ? (int64_t)number : -1;
        }
    }
    return -1;
}

/* As many names as there is room for. */
static void add_missing(struct cluster_wait *wait, struct slice id) {
    size_t size = strlen(wait->missing), room = sizeof(wait->missing) - size;

    if (id.size + sizeof(", ") <= room) {
        snprintf(wait->missing + size, room, "%s%.*s", size > 0 ? ", " : "", (int)id.size, id.data);
    }
}

static bool is_applied(struct cluster *c, struct cluster_wait *wait) {
    const struct store_call *survey = &c->calls[CALL_SURVEY].call;
    const struct store_result *results = survey->result.results;
    bool all = survey->revision >= wait->revision; /* else a node may have come in between */

    wait->missing[0] = '\0';
    for (size_t i = 0; i < results[0].kv_count; i++) {
        struct slice id = slice_skip(results[0].kvs[i].key, c->keys.nodes.key.size);

        if (applied_by(c, &results[1], id) < wait->revision) {
            add_missing(wait, id);
            all = false;
        }
    }
    return all;
}

void cluster_survey_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    if (call->status == STORE_OK) {
        cluster_wait_end(c, &c->purged, is_applied);
    } else {
        c->wants_survey = true;
        cluster_call_again(c, CALL_SURVEY, now_ns);
    }
}

void cluster_purge_run(struct cluster *c, int64_t now_ns) {
    tell_applied(c, now_ns);
    record_next(c, now_ns);
    if (c->wants_survey && c->purged.first != NULL && cluster_call_can(c, CALL_SURVEY, now_ns)) {
        ask_survey(c, now_ns);
    }
}
