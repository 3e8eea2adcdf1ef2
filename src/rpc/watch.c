/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/watch_line.h"
#include "rpc/watch_send.h"
#include "rpc/watch_stream.h"

/* etcd's Watch service: the requests of a stream. */

static char reason_duplicate[] = "mvcc: duplicate watch ID provided on the WatchStream";
static char reason_empty[] = "mvcc: watcher range is empty";

static struct watch_stream *stream_for(struct rpc_call *call) {
    if (call->state == NULL) {
        call->state = watch_stream_new(call);
        if (call->state == NULL) {
            rpc_finish(call, ETCD_ERROR_NO_MEMORY);
        }
    }
    return call->state;
}

/* --- creation --- */

static void send_refusal(struct watch_stream *stream, char *reason) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    response.created = true;
    response.canceled = true;
    response.cancel_reason = reason;
    watch_send(stream, WATCH_ID_NONE, store_revision(stream->worker->node->store), &response);
}

struct store_watch watch_of_request(const Etcdserverpb__WatchCreateRequest *r) {
    struct store_watch watch = {
        .span = {.key = etcd_bytes_slice(r->key), .range_end = etcd_bytes_slice(r->range_end)},
        .start_revision = r->start_revision,
        .want_previous = r->prev_kv,
    };

    /* No key is the smallest one, as in etcd. */
    if (watch.span.key.size == 0) {
        watch.span.key = slice_make("", 1);
    }
    for (size_t i = 0; i < r->n_filters; i++) {
        watch.no_put |= r->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT;
        watch.no_delete |= r->filters[i] == ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE;
    }
    return watch;
}

static bool span_is_empty(const struct store_span *span) {
    bool open = span->range_end.size == 1 && span->range_end.data[0] == '\0';

    return span->range_end.size > 0 && !open && slice_compare(span->key, span->range_end) >= 0;
}

static void announce(struct watch_stream *stream, int64_t id, int64_t revision) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    response.created = true;
    watch_send(stream, id, revision, &response);
}

static void open_watch(struct watch_stream *stream, const Etcdserverpb__WatchCreateRequest *r,
                       const struct store_watch *want) {
    int64_t id = r->watch_id != 0 ? r->watch_id : watch_stream_free_id(stream);
    enum store_status status;
    int64_t revision = 0;
    struct rpc_watch *watch = watch_stream_add(stream, id, want, &status, &revision);

    if (watch == NULL) {
        char reason[ETCD_REASON_MAX];

        telemetry_count(stream->worker->context->telemetry, COUNTER_LIMIT_MAX_WATCHERS,
                        status == STORE_TOO_MANY_WATCHERS);
        send_refusal(stream, etcd_error_reason(rpc_error_of(status), reason));
        return;
    }
    watch->fragment = r->fragment;
    watch->progress_notify = r->progress_notify;
    stream->notified += r->progress_notify ? 1 : 0;
    announce(stream, id, revision);
    watch_hub_pump(stream->hub);
}

/* `error`: whether whoever asks may. */
static void create(struct watch_stream *stream, const Etcdserverpb__WatchCreateRequest *r, enum etcd_error error) {
    struct store_watch want = watch_of_request(r);
    char reason[ETCD_REASON_MAX];

    if (error != ETCD_OK) {
        send_refusal(stream, etcd_error_reason(error, reason));
    } else if (span_is_empty(&want.span)) {
        send_refusal(stream, reason_empty);
    } else if (r->watch_id != 0 && watch_stream_find(stream, r->watch_id) != NULL) {
        send_refusal(stream, reason_duplicate);
    } else {
        open_watch(stream, r, &want);
    }
}

/* --- the rest --- */

static void cancel(struct watch_stream *stream, int64_t id) {
    struct rpc_watch *watch = watch_stream_find(stream, id);
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    if (watch != NULL) {
        watch_stream_remove(stream, watch);
        response.canceled = true;
        watch_send(stream, id, store_revision(stream->worker->node->store), &response);
    }
}

/* Progress goes behind all events that are known when it was asked for. */
static void ask_progress(struct watch_stream *stream) {
    watch_stream_ask_progress(stream);
    watch_stream_run_all(stream);
    watch_hub_pump(stream->hub);
}

void watch_obey(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r, enum etcd_error error) {
    switch (r->request_union_case) {
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST:
        create(stream, r->create_request, error);
        break;
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST:
        cancel(stream, r->cancel_request->watch_id);
        break;
    case ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST:
        ask_progress(stream);
        break;
    default:
        break; /* a request of a later etcd, which nobody knows here */
    }
}

/* Whether this node knows by itself who may watch what; if so, ret_error is for this request. */
static bool check(struct rpc_call *call, const Etcdserverpb__WatchRequest *r, enum etcd_error *ret_error) {
    struct store_watch want;

    *ret_error = ETCD_OK;
    if (r->request_union_case != ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST) {
        return true;
    }
    if (call->worker->node->cluster != NULL) {
        return false;
    }
    want = watch_of_request(r->create_request);
    *ret_error = rpc_check_range(call, want.span.key, want.span.range_end);
    return true;
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    const Etcdserverpb__WatchRequest *r = (const Etcdserverpb__WatchRequest *)request;
    struct watch_stream *stream = stream_for(call);
    enum etcd_error error;

    if (stream == NULL) {
        return;
    }
    if (stream->line != NULL) {
        watch_line_add(stream, r);
    } else if (check(call, r, &error)) {
        watch_obey(stream, r, error);
    } else {
        watch_line_begin(stream, r);
    }
}

/* A client that says no more still listens. */
static void end(struct rpc_call *call) {
    (void)call;
}

static void room(struct rpc_call *call) {
    struct watch_stream *stream = call->state;

    if (stream != NULL) {
        watch_stream_unpark(stream);
        watch_hub_pump(stream->hub);
    }
}

/* One that begins later than now is no further than all others. */
static void notify(struct watch_stream *stream, struct rpc_watch *watch) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    int64_t revision = store_revision(stream->worker->node->store);

    if (watch->progress_notify && !watch->spoke && !watch->feed->parked) {
        revision = watch->feed->reached < revision ? watch->feed->reached : revision;
        watch_send(stream, watch->id, revision, &response);
    }
    watch->spoke = false;
}

/* The watches that want it hear that they live when they have heard nothing for long. */
static void tick(struct rpc_call *call) {
    struct watch_stream *stream = call->state;

    if (stream == NULL || stream->notified == 0 || call->worker->context->now_ns < stream->notify_ns) {
        return;
    }
    stream->notify_ns = call->worker->context->now_ns + call->worker->node->progress_interval_ns;
    watch_stream_run_all(stream);
    watch_hub_pump(stream->hub);
    for (size_t i = 0; i < stream->slot_count && !call->finished; i++) {
        for (struct rpc_watch *watch = stream->slots[i]; watch != NULL; watch = watch->next_in_slot) {
            notify(stream, watch);
        }
    }
}

static void close_it(struct rpc_call *call) {
    if (call->state != NULL) {
        watch_stream_free(call->state);
        call->state = NULL;
    }
}

const struct rpc_handler rpc_watch = {
    .message = message,
    .end = end,
    .room = room,
    .tick = tick,
    .stop = close_it,
    .close = close_it,
};
