/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "library/etcd/asker.h"
#include "library/etcd/block.h"
#include "library/etcd/call.h"
#include "library/etcd/line.h"
#include "library/memory.h"
#include "store/span.h"

/* Who leads: the oldest key of a line is asked for, and what happens in the line from then on is watched. The leader's own key is
 * followed as it changes; when it goes, or when there was none and one comes, it is asked again. */

struct larder_etcd_observer {
    struct asker asker; /* first */
    struct inquiry question;
    bool is_asking;                  /* the question is put, and its answer not taken */
    struct larder_etcd_watch *watch; /* NULL: it has to be asked who leads */
    size_t next;                     /* event of its batch */
    struct slice prefix;             /* of the line's keys; behind the struct */
    char *end;                       /* of its span, likewise */
    bool has_leader;
    char *leader; /* its key */
    size_t leader_size;
    bool has_told; /* anything, so far */
    int64_t told;  /* the mod_revision of what was told last; 0: that there is none */
};

/* --- making --- */

static void release(struct asker *asker) {
    struct larder_etcd_observer *observer = (struct larder_etcd_observer *)(void *)asker;
    const struct larder_allocator *allocator = &asker->client->allocator;

    inquiry_fini(&observer->question);
    asker_fini(asker);
    memory_free(allocator, observer->leader);
    memory_free(allocator, observer);
}

enum larder_status larder_etcd_observe(struct larder_etcd *client, const void *name, size_t name_size,
                                       struct larder_etcd_observer **ret_observer,
                                       char ret_message[LARDER_MESSAGE_MAX]) {
    struct larder_etcd_observer *observer;
    enum larder_status status = line_check(client, name_size, ret_message);

    if (status != LARDER_DONE) {
        return status;
    }
    observer = memory_new(&client->allocator, sizeof(*observer) + 2 * (name_size + 1));
    if (observer == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    if (!asker_init(&observer->asker, client, release)) {
        memory_free(&client->allocator, observer);
        return client_say(ret_message, LARDER_ERR_SYSTEM, larder_strerror(LARDER_ERR_SYSTEM));
    }
    observer->prefix = line_write_prefix(name, name_size, (char *)(observer + 1));
    observer->end = (char *)(observer + 1) + observer->prefix.size;
    flag_raise(observer->asker.fd); /* there is something to ask */
    *ret_observer = observer;
    return client_say(ret_message, LARDER_DONE, "");
}

void larder_etcd_observe_free(struct larder_etcd_observer *observer) {
    if (observer != NULL) {
        larder_etcd_watch_free(observer->watch);
        observer->watch = NULL;
        asker_leave(&observer->asker);
    }
}

int larder_etcd_observe_fd(const struct larder_etcd_observer *observer) {
    return observer->asker.fd;
}

/* --- asking --- */

static void forget_watch(struct larder_etcd_observer *observer) {
    larder_etcd_watch_free(observer->watch);
    observer->watch = NULL;
    observer->next = 0;
}

static bool copy_leader(struct larder_etcd_observer *observer, const struct larder_etcd_answer *answer) {
    const struct larder_etcd_kv *kv = answer->kvs;
    char *key;

    observer->has_leader = answer->kv_count > 0;
    if (!observer->has_leader) {
        return true;
    }
    key = memory_grow(&observer->asker.client->allocator, observer->leader, kv->key_size);
    if (key == NULL) {
        return false;
    }
    memcpy(key, kv->key, kv->key_size);
    observer->leader = key;
    observer->leader_size = kv->key_size;
    return true;
}

static enum larder_status watch_line(struct larder_etcd_observer *observer, struct larder_etcd_result *result) {
    struct store_watch wish = {.span = store_span_of_prefix(observer->prefix, observer->end),
                               .start_revision = result->revision + 1};
    enum larder_status status = copy_leader(observer, &result->answer)
                                    ? watch_open(observer->asker.client, &wish, observer->asker.fd, &observer->watch)
                                    : LARDER_ERR_NO_MEMORY;

    return status == LARDER_DONE ? LARDER_DONE : call_fail(result, status, larder_strerror(status));
}

static void begin(struct larder_etcd_observer *observer) {
    inquiry_init(&observer->question);
    line_first_op(observer->prefix, observer->end, &observer->question.call.op);
    inquiry_put(&observer->question, &observer->asker);
    observer->is_asking = true;
}

/* False: the answer has not come. */
static bool ask(struct larder_etcd_observer *observer, bool waits) {
    if (!observer->is_asking) {
        begin(observer);
    }
    return inquiry_wait(&observer->question, waits);
}

static enum larder_status take(struct larder_etcd_observer *observer, struct larder_etcd_result *result) {
    enum larder_status status = call_take(observer->asker.client, &observer->question.call, result);

    inquiry_fini(&observer->question);
    observer->is_asking = false;
    return status == LARDER_DONE ? call_name(result, result->answer.kv_count > 0 ? LARDER_HIT : LARDER_MISS) : status;
}

/* HIT, MISS: it is news. NOTHING: it was told before. */
static enum larder_status hear(struct larder_etcd_observer *observer, struct larder_etcd_result *result) {
    enum larder_status status = take(observer, result);
    enum larder_status watched;
    int64_t found;

    if (status < 0) {
        return status;
    }
    watched = watch_line(observer, result);
    if (watched != LARDER_DONE) {
        return watched;
    }
    found = status == LARDER_HIT ? result->answer.kvs[0].mod_revision : 0;
    if (observer->has_told && found == observer->told) {
        return LARDER_NOTHING;
    }
    observer->has_told = true;
    observer->told = found;
    return status;
}

/* --- following --- */

static enum larder_status tell(struct larder_etcd_observer *observer, const struct kv *kv,
                               struct larder_etcd_result *result) {
    struct store_result found = {.kind = STORE_OP_RANGE, .count = 1, .kvs = (struct kv *)(uintptr_t)kv, .kv_count = 1};

    call_clear(result);
    if (!call_keep(observer->asker.client, &found, result)) {
        return call_fail(result, LARDER_ERR_NO_MEMORY, "out of memory for the answer");
    }
    result->revision = kv->mod_revision;
    observer->told = kv->mod_revision;
    return call_name(result, LARDER_HIT);
}

/* The rest of the events. NOTHING: there is no more to be told of them; the watch may be gone. After NO_MEMORY the same event
 * comes again. */
static enum larder_status follow(struct larder_etcd_observer *observer, struct larder_etcd_result *result) {
    const struct store_batch *batch = &observer->watch->batch;

    for (; observer->next < batch->count; observer->next++) {
        const struct kv_event *event = &batch->events[observer->next];
        bool is_leader =
            observer->has_leader && slice_equal(event->kv.key, slice_make(observer->leader, observer->leader_size));

        if (is_leader && event->kind == KV_EVENT_PUT) {
            enum larder_status status = tell(observer, &event->kv, result);

            observer->next += status == LARDER_HIT;
            return status;
        }
        if (is_leader || (!observer->has_leader && event->kind == KV_EVENT_PUT)) {
            forget_watch(observer);
            return LARDER_NOTHING;
        }
    }
    if (batch->status != STORE_OK) {
        forget_watch(observer);
        return LARDER_NOTHING;
    }
    watch_done(observer->watch);
    observer->next = 0;
    return LARDER_NOTHING;
}

/* False: there is nothing to look at yet. */
static bool await(struct larder_etcd_observer *observer, unsigned wait_ms, int64_t deadline_ns) {
    return observer->watch == NULL ? ask(observer, wait_ms > 0) : watch_wait(observer->watch, deadline_ns);
}

enum larder_status larder_etcd_observe_next(struct larder_etcd_observer *observer, unsigned wait_ms,
                                            struct larder_etcd_result *result) {
    int64_t deadline_ns = watch_deadline(wait_ms);
    enum larder_status status = LARDER_NOTHING;

    if (client_is_foreign(observer->asker.client)) {
        return call_fail(result, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    while (status == LARDER_NOTHING) {
        if (!await(observer, wait_ms, deadline_ns)) {
            return call_fail(result, LARDER_NOTHING, "");
        }
        status = observer->watch == NULL ? hear(observer, result) : follow(observer, result);
    }
    return status;
}
