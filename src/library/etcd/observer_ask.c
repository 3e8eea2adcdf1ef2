/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "library/etcd/call.h"
#include "library/etcd/line.h"
#include "library/etcd/observer.h"
#include "library/memory.h"

/* The question who leads. It is under way while its caller does other things, and even when he has gone. */

static void release(struct larder_etcd_observer *observer) {
    const struct larder_allocator *allocator = &observer->client->allocator;

    close(observer->fd);
    pthread_mutex_destroy(&observer->lock);
    store_call_fini(&observer->question);
    memory_free(allocator, observer->leader);
    memory_free(allocator, observer);
}

/* On the engine's thread, or from inside of store_submit. The flag is raised under the lock: it is closed by whoever comes after. */
static void on_answer(struct store_call *call) {
    struct larder_etcd_observer *observer = (struct larder_etcd_observer *)(void *)call;
    bool is_left;

    told_end(&observer->told, call, call->from_memory);
    pthread_mutex_lock(&observer->lock);
    observer->is_answered = true;
    is_left = observer->is_left;
    flag_raise(observer->fd);
    pthread_mutex_unlock(&observer->lock);
    if (is_left) {
        release(observer);
    }
}

static void begin(struct larder_etcd_observer *observer) {
    store_call_init(&observer->question, on_answer);
    line_first_op(observer->prefix, observer->end, &observer->question.op);
    observer->is_asking = true;
    observer->is_answered = false;
    told_begin(&observer->told, observer->client, NULL, told_method(observer->question.op.kind));
    store_submit(observer->client->store, &observer->question);
}

/* Lowered first: an answer that comes after the look raises it again. */
static bool is_answered(struct larder_etcd_observer *observer) {
    bool is_answered;

    flag_lower(observer->fd);
    pthread_mutex_lock(&observer->lock);
    is_answered = observer->is_answered;
    pthread_mutex_unlock(&observer->lock);
    return is_answered;
}

bool observer_ask(struct larder_etcd_observer *observer, bool waits) {
    struct pollfd fd = {.fd = observer->fd, .events = POLLIN};

    if (!observer->is_asking) {
        begin(observer);
    }
    while (!is_answered(observer)) {
        if (!waits) {
            return false;
        }
        (void)poll(&fd, 1, -1);
    }
    return true;
}

enum larder_status observer_hear(struct larder_etcd_observer *observer, struct larder_etcd_result *result) {
    enum larder_status status = call_take(observer->client, &observer->question, result);

    store_call_fini(&observer->question);
    observer->is_asking = false;
    return status == LARDER_DONE ? call_name(result, result->answer.kv_count > 0 ? LARDER_HIT : LARDER_MISS) : status;
}

void observer_leave(struct larder_etcd_observer *observer) {
    bool stays = false;

    if (observer->is_asking && client_is_foreign(observer->client)) {
        close(observer->fd); /* the rest the thread has, which is the parent's */
        return;
    }
    if (observer->is_asking) {
        pthread_mutex_lock(&observer->lock);
        observer->is_left = true;
        stays = !observer->is_answered;
        pthread_mutex_unlock(&observer->lock);
    }
    if (!stays) {
        release(observer);
    }
}
