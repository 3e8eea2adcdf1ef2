/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"
#include "rpc/kv_response.h"

/* Watch: any number of watches on one call. */

enum { WATCHES_MAX = 64 };

struct watch {
    int64_t id;
    struct store_span span;
    int64_t next_revision;
    bool no_put;
    bool no_delete;
    bool want_previous;
    bool progress;
    bool fragment;
    bool is_quiet; /* nothing was sent since the last time that progress was looked at */
};

struct watches {
    struct watch list[WATCHES_MAX];
    size_t count;
    int64_t next_id;
};

static void say(struct call *call, const struct watch *watch, Etcdserverpb__WatchResponse *response) {
    Etcdserverpb__ResponseHeader header;

    call_header(call, &header);
    if (response->header != NULL) {
        header.revision = response->header->revision;
    }
    response->header = &header;
    response->watch_id = watch->id;
    call_send(call, &response->base);
    response->header = NULL;
}

static void end_watch(struct watches *watches, size_t place) {
    watches->count--;
    memmove(&watches->list[place], &watches->list[place + 1], (watches->count - place) * sizeof(watches->list[0]));
}

/* --- events --- */

static bool is_wanted(const struct watch *watch, const struct mvcc_change *change, int64_t revision) {
    return change->kv.mod_revision >= watch->next_revision && change->kv.mod_revision <= revision &&
           mvcc_has(&watch->span, change->kv.key) && !(change->is_delete ? watch->no_delete : watch->no_put);
}

static Mvccpb__Event *event_of(const struct watch *watch, const struct mvcc_change *change, struct arena *arena) {
    Mvccpb__Event *event = arena_calloc(arena, 1, sizeof(*event));
    Mvccpb__KeyValue *kvs = arena_calloc(arena, 2, sizeof(*kvs));

    sim_must(event != NULL && kvs != NULL);
    mvccpb__event__init(event);
    event->type = change->is_delete ? MVCCPB__EVENT__EVENT_TYPE__DELETE : MVCCPB__EVENT__EVENT_TYPE__PUT;
    kv_message(&change->kv, &kvs[0]);
    event->kv = &kvs[0];
    if (watch->want_previous && change->has_previous) {
        kv_message(&change->previous, &kvs[1]);
        event->prev_kv = &kvs[1];
    }
    return event;
}

static void send_part(struct call *call, const struct watch *watch, Mvccpb__Event **events, size_t count, bool more) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    response.events = events;
    response.n_events = count;
    response.fragment = more;
    say(call, watch, &response);
}

/* Whole revisions; in fragments if that is wanted, as many events in each as fit. */
static void send_events(struct call *call, const struct watch *watch, Mvccpb__Event **events, size_t count) {
    size_t limit = call->member->cluster->fragment_bytes;
    size_t first = 0;
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        size_t size = protobuf_c_message_get_packed_size(&events[i]->base);

        if (watch->fragment && i > first && bytes + size > limit) {
            send_part(call, watch, events + first, i - first, true);
            first = i;
            bytes = 0;
        }
        bytes += size;
    }
    send_part(call, watch, events + first, count - first, false);
}

/* A number of events from the front that ends between two revisions. */
static size_t cut(struct sim *sim, Mvccpb__Event **events, size_t count) {
    size_t end = (size_t)sim_between(sim, 1, (int64_t)count);

    while (end < count && events[end]->kv->mod_revision == events[end - 1]->kv->mod_revision) {
        end++;
    }
    return end;
}

static void flush_watch(struct call *call, struct watch *watch) {
    struct cluster *cluster = call->member->cluster;
    const struct mvcc *mvcc = &cluster->mvcc;
    int64_t revision = member_revision(call->member);
    struct arena arena;
    Mvccpb__Event **events;
    size_t count = 0;

    arena_init(&arena, SIZE_MAX / 2);
    events = arena_calloc(&arena, mvcc->change_count + 1, sizeof(Mvccpb__Event *));
    sim_must(events != NULL);
    for (size_t i = 0; i < mvcc->change_count; i++) {
        if (is_wanted(watch, &mvcc->changes[i], revision)) {
            events[count++] = event_of(watch, &mvcc->changes[i], &arena);
        }
    }
    for (size_t at = 0, size; at < count; at += size) {
        size = cut(cluster->sim, events + at, count - at);
        watch->is_quiet = false;
        send_events(call, watch, events + at, size);
        if (sim_chance(cluster->sim, cluster->echo_percent)) {
            send_events(call, watch, events + at, size);
        }
    }
    if (watch->next_revision <= revision) {
        watch->next_revision = revision + 1;
    }
    arena_fini(&arena);
}

void member_watch_flush(struct call *call) {
    struct watches *watches = call->state;
    int64_t compacted = call->member->cluster->mvcc.compacted;
    size_t i = 0;

    while (watches != NULL && !call->is_finished && i < watches->count) {
        struct watch *watch = &watches->list[i];

        if (watch->next_revision < compacted && compacted <= member_revision(call->member)) {
            Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

            response.canceled = true;
            response.compact_revision = compacted;
            say(call, watch, &response);
            end_watch(watches, i);
        } else {
            flush_watch(call, watch);
            i++;
        }
    }
}

/* --- progress --- */

static void drop(void *ctx) {
    call_drop(ctx);
}

static void tell_progress(void *ctx) {
    struct call *call = ctx;
    struct watches *watches = call->state;
    struct cluster *cluster = call->member->cluster;

    if (call->stream == NULL || call->is_finished) {
        call_drop(call);
        return;
    }
    for (size_t i = 0; i < watches->count; i++) {
        struct watch *watch = &watches->list[i];
        int64_t revision = cluster->progress_lies ? cluster->mvcc.revision : member_revision(call->member);

        if (watch->progress && (watch->is_quiet || cluster->progress_lies) && watch->next_revision <= revision + 1) {
            Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
            Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

            header.revision = revision;
            response.header = &header;
            say(call, watch, &response);
        }
        watch->is_quiet = true;
    }
    member_after(call->member, cluster->progress_ns, tell_progress, drop, call);
}

/* --- requests --- */

static void close_watches(struct call *call) {
    free(call->state);
    call->state = NULL;
}

static struct watches *begin(struct call *call) {
    if (call->state == NULL) {
        call->state = sim_new(sizeof(struct watches));
        call->close = close_watches;
        member_after(call->member, call->member->cluster->progress_ns, tell_progress, drop, call_hold(call));
    }
    return call->state;
}

static void refuse(struct call *call, enum etcd_error error) {
    char reason[ETCD_REASON_MAX];
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    response.created = true;
    response.canceled = true;
    response.cancel_reason = etcd_error_reason(error, reason);
    say(call, &(struct watch){.id = -1}, &response);
}

static void flush_later(void *ctx) {
    struct call *call = ctx;

    if (call->stream != NULL && !call->is_finished) {
        member_watch_flush(call);
    }
    call_drop(call);
}

static void create(struct call *call, const Etcdserverpb__WatchCreateRequest *request) {
    struct watches *watches = begin(call);
    struct watch *watch = &watches->list[watches->count];
    enum etcd_error error = member_check(call);
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    if (error != ETCD_OK) {
        refuse(call, error);
        return;
    }
    sim_must(watches->count++ < WATCHES_MAX);
    *watch = (struct watch){
        .id = request->watch_id != 0 ? request->watch_id : watches->next_id++,
        .span = {.key = etcd_bytes_slice(request->key), .range_end = etcd_bytes_slice(request->range_end)},
        .next_revision = request->start_revision > 0 ? request->start_revision : member_revision(call->member) + 1,
        .want_previous = request->prev_kv,
        .progress = request->progress_notify,
        .fragment = request->fragment,
    };
    for (size_t i = 0; i < request->n_filters; i++) {
        watch->no_put |= request->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT;
        watch->no_delete |= request->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE;
    }
    call->member->cluster->watches++;
    response.created = true;
    say(call, watch, &response);
    member_after(call->member, sim_between(call->member->cluster->sim, 0, SIM_MS), flush_later, drop, call_hold(call));
}

static void end_by_wish(struct call *call, int64_t id) {
    struct watches *watches = begin(call);
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    for (size_t i = 0; i < watches->count; i++) {
        if (watches->list[i].id == id) {
            response.canceled = true;
            say(call, &watches->list[i], &response);
            end_watch(watches, i);
            return;
        }
    }
}

void member_watch(struct call *call, const Etcdserverpb__WatchRequest *request) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    switch (request->request_union_case) {
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST:
        create(call, request->create_request);
        break;
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST:
        end_by_wish(call, request->cancel_request->watch_id);
        break;
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST:
        say(call, &(struct watch){.id = -1}, &response);
        break;
    default:
        break;
    }
}
