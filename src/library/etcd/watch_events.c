/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/block.h"
#include "library/etcd/call.h"
#include "library/etcd/status.h"
#include "library/etcd/translate.h"
#include "library/etcd/watch.h"
#include "library/memory.h"

/* What a watch is for its caller: where it begins, and what it tells. */

enum { SPAN_MAX = 1 << 20 /* bytes; a prefix is copied once */ };

/* --- beginning --- */

/* Where now is: the revision of a read of one key that may be read by whoever may watch. */
static enum larder_status ask_revision(struct larder_etcd *client, struct slice key, int64_t *ret_revision,
                                       char *ret_message) {
    struct store_op op = {.kind = STORE_OP_RANGE, .range = {.span = {.key = key}, .count_only = true}};
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status = call_do(client, &op, 0, false, &result);

    if (status != LARDER_DONE) {
        client_say(ret_message, status, result.message);
    }
    *ret_revision = result.revision;
    larder_etcd_result_free(&result);
    return status;
}

static enum larder_status begin(struct larder_etcd *client, struct store_watch *wish,
                                struct larder_etcd_watch **ret_watch, char *ret_message) {
    enum larder_status status;

    if (wish->start_revision <= 0) {
        status = ask_revision(client, wish->span.key, &wish->start_revision, ret_message);
        if (status != LARDER_DONE) {
            return status;
        }
        wish->start_revision++;
    }
    status = watch_open(client, wish, -1, ret_watch);
    return client_say(ret_message, status, larder_strerror(status));
}

enum larder_status larder_etcd_watch_new(struct larder_etcd *client, const struct larder_etcd_span *span,
                                         const struct larder_etcd_watch_options *options,
                                         struct larder_etcd_watch **ret_watch, char ret_message[LARDER_MESSAGE_MAX]) {
    static const struct larder_etcd_watch_options none;
    const struct larder_etcd_watch_options *o = options != NULL ? options : &none;
    struct store_watch wish = {.start_revision = o->start_revision,
                               .want_previous = o->want_previous,
                               .no_put = o->no_put,
                               .no_delete = o->no_delete};
    struct arena arena;
    enum larder_status status;
    const char *why = "";

    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    arena_init(&arena, SPAN_MAX);
    status = translate_span(span, &arena, &wish.span, &why);
    status =
        status == LARDER_DONE ? begin(client, &wish, ret_watch, ret_message) : client_say(ret_message, status, why);
    arena_fini(&arena);
    return status;
}

/* --- telling --- */

static void fill_event(struct block *block, const struct kv_event *event, struct larder_etcd_event *ret_event) {
    ret_event->kind = event->kind == KV_EVENT_PUT ? LARDER_ETCD_PUT_EVENT : LARDER_ETCD_DELETE_EVENT;
    ret_event->has_previous = event->has_previous;
    block_fill_kv(block, &event->kv, &ret_event->kv);
    if (event->has_previous) {
        block_fill_kv(block, &event->previous, &ret_event->previous);
    }
}

static bool keep(struct larder_etcd_watch *watch, struct larder_etcd_events *events) {
    const struct store_batch *batch = &watch->batch;
    struct block_size size = {.structs = batch->count * sizeof(struct larder_etcd_event)};
    struct larder_etcd_event *made;
    struct block block;

    if (events->memory == NULL) {
        events->allocator = watch->client->allocator;
    }
    for (size_t i = 0; i < batch->count; i++) {
        block_count_kv(&size, &batch->events[i].kv);
        block_count_kv(&size, &batch->events[i].previous);
    }
    if (!block_begin(&block, &events->allocator, &size, &events->memory, &events->capacity)) {
        return false;
    }
    made = block_take(&block, batch->count * sizeof(*made));
    for (size_t i = 0; i < batch->count; i++) {
        fill_event(&block, &batch->events[i], &made[i]);
    }
    events->events = made;
    events->count = batch->count;
    return true;
}

static enum larder_status end(struct larder_etcd_events *events, enum larder_status status, const char *why) {
    events->status = status;
    client_say(events->message, status, why);
    return status;
}

enum larder_status larder_etcd_watch_next(struct larder_etcd_watch *watch, unsigned wait_ms,
                                          struct larder_etcd_events *events) {
    enum store_status status;

    events->revision = watch->told;
    events->compact_revision = 0;
    events->events = NULL;
    events->count = 0;
    if (client_is_foreign(watch->client)) {
        return end(events, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    if (!watch_wait(watch, watch_deadline(wait_ms))) {
        return end(events, LARDER_NOTHING, "");
    }
    if (!keep(watch, events)) {
        flag_raise(watch->fd);
        return end(events, LARDER_ERR_NO_MEMORY, "out of memory for the events, which will be told again");
    }
    status = watch->batch.status;
    events->compact_revision = watch->batch.compact_revision;
    watch_done(watch);
    events->revision = watch->told;
    return end(events, status_of(status), store_status_text(status));
}

void larder_etcd_events_free(struct larder_etcd_events *events) {
    if (events->memory != NULL) {
        memory_free(&events->allocator, events->memory);
    }
    *events = LARDER_ETCD_EVENTS_INIT;
}
