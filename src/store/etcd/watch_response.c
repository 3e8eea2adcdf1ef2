/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/watch_internal.h"

/* What each response of a stream of watches is for. */

static void end_watch(struct etcd_watch *watch, enum store_status status, const Etcdserverpb__WatchResponse *r) {
    watch_channel_take_off(watch, false);
    watch_end(watch, status, r->compact_revision, slice_from_string(r->cancel_reason));
}

/* The cluster does not have it, or not any more: for good, or because the member cannot serve anybody. */
static void take_cancelled(struct watch_channel *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    enum store_status status = r->compact_revision > 0 ? STORE_COMPACTED
                                                       : watch_reason_status(slice_from_string(r->cancel_reason),
                                                                             etcd_client_has_user(s->watches->client));

    if (status != STORE_OK) {
        end_watch(watch, status, r);
        return;
    }
    if (watch->state == WATCH_CREATING) {
        s->creating = NULL;
        watch_channel_put_back(s, watch);
    }
    if (watch_reason_is_token(slice_from_string(r->cancel_reason))) {
        watch_channel_renew(s, r->cancel_reason);
    } else {
        watch_channel_distrust(s, r->cancel_reason[0] != '\0' ? r->cancel_reason
                                                              : "a watch was cancelled without a reason");
    }
}

/* From now on nothing is lost: what comes first is the revision after the header's. */
static void take_live(struct watch_channel *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    s->creating = NULL;
    if (watch_channel_find(s, r->watch_id) != NULL) {
        watch_channel_put_back(s, watch);
        watch_channel_distrust(s, "two watches have the same number");
        return;
    }
    watch_channel_set_live(s, watch, r->watch_id);
    if (watch->last < 0) {
        watch->last = r->header->revision;
    }
    watch->events.on_created(watch->ctx, r->header->revision);
}

static void take_created(struct watch_channel *s, const Etcdserverpb__WatchResponse *r) {
    struct etcd_watch *watch = s->creating;

    if (!s->asked) {
        watch_channel_distrust(s, "a watch was created that was not asked for");
        return;
    }
    s->asked = false;
    if (watch == NULL) {
        if (!r->canceled) {
            watch_channel_cancel(s, r->watch_id);
        }
    } else {
        watch_hold(watch);
        if (r->canceled) {
            take_cancelled(s, watch, r);
        } else {
            take_live(s, watch, r);
        }
        watch_let_go(watch);
    }
    watch_channel_create_next(s);
}

static void take_progress(struct etcd_watch *watch, int64_t revision) {
    if (!watch->progress || !watch_progress_is_true(watch->watches->client)) {
        return;
    }
    if (revision > watch->last) {
        watch->last = revision;
    }
    if (watch->events.on_progress != NULL) {
        watch->events.on_progress(watch->ctx, revision);
    }
}

static void take_news(struct watch_channel *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    const char *why = NULL;

    if (r->n_events > 0) {
        if (!watch_take_events(watch, r, &s->arena, &why)) {
            watch_channel_distrust(s, why);
            return;
        }
    } else if (!r->canceled && watch->held.count == 0) {
        take_progress(watch, r->header->revision);
    }
    if (r->canceled && watch->state == WATCH_LIVE) {
        take_cancelled(s, watch, r);
    }
}

/* Of a watch that has left, something may still be under way. */
static void take_for_one(struct watch_channel *s, const Etcdserverpb__WatchResponse *r) {
    struct etcd_watch *watch = watch_channel_find(s, r->watch_id);

    if (watch != NULL) {
        watch_hold(watch);
        take_news(s, watch, r);
        watch_let_go(watch);
    }
}

/* Of the stream as a whole: the answer to who asked for progress. It is that of the one watch if the stream has no other. */
static void take_for_all(struct watch_channel *s, const Etcdserverpb__WatchResponse *r) {
    struct etcd_watch *watch = s->alone ? s->live.first : NULL;

    if (watch != NULL && r->n_events == 0 && !r->canceled && watch->held.count == 0) {
        watch_hold(watch);
        take_progress(watch, r->header->revision);
        watch_let_go(watch);
    }
}

static bool is_of_cluster(const struct watch_channel *s, const Etcdserverpb__ResponseHeader *header) {
    uint64_t cluster_id = etcd_client_cluster_id(s->watches->client);

    return cluster_id == 0 || header->cluster_id == 0 || header->cluster_id == cluster_id;
}

void watch_take_response(struct watch_channel *s, const Etcdserverpb__WatchResponse *r) {
    if (r->header == NULL) {
        watch_channel_distrust(s, "a watch's response has no header");
    } else if (!is_of_cluster(s, r->header)) {
        watch_channel_distrust(s, "a watch's response is of another cluster");
    } else if (!watch_revision_is_good(r->header->revision)) {
        watch_channel_distrust(s, "a watch's response has no revision");
    } else {
        etcd_client_note_revision(s->watches->client, r->header->revision);
        if (r->created) {
            take_created(s, r);
        } else if (r->watch_id == WATCH_ID_ALL) {
            take_for_all(s, r);
        } else {
            take_for_one(s, r);
        }
    }
}
