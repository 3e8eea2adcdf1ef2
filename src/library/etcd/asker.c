/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/asker.h"

#include <poll.h>
#include <unistd.h>

bool asker_init(struct asker *a, struct larder_etcd *client, void (*release)(struct asker *asker)) {
    *a = (struct asker){.client = client->root, .fd = flag_open(), .release = release};
    if (a->fd < 0) {
        return false;
    }
    pthread_mutex_init(&a->lock, NULL);
    return true;
}

void asker_fini(struct asker *a) {
    close(a->fd);
    pthread_mutex_destroy(&a->lock);
}

void asker_leave(struct asker *a) {
    bool is_alone;

    if (client_is_foreign(a->client)) {
        if (a->under_way == 0) {
            a->release(a);
        } else {
            close(a->fd); /* the rest the thread had, which is the parent's */
        }
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->is_left = true;
    is_alone = a->under_way == 0;
    pthread_mutex_unlock(&a->lock);
    if (is_alone) {
        a->release(a);
    }
}

/* On the engine's thread, or from inside of store_submit. The flag is raised under the lock, so it is not closed before. */
static void on_answer(struct store_call *call) {
    struct inquiry *q = (struct inquiry *)(void *)call;
    struct asker *a = q->asker;
    bool is_last;

    told_end(&q->told, call, call->from_memory);
    pthread_mutex_lock(&a->lock);
    q->is_answered = true;
    a->under_way--;
    is_last = a->is_left && a->under_way == 0;
    flag_raise(a->fd);
    pthread_mutex_unlock(&a->lock);
    if (is_last) {
        a->release(a);
    }
}

void inquiry_init(struct inquiry *q) {
    store_call_fini(&q->call);
    store_call_init(&q->call, on_answer);
}

void inquiry_fini(struct inquiry *q) {
    store_call_fini(&q->call);
}

void inquiry_put(struct inquiry *q, struct asker *a) {
    q->asker = a;
    q->is_answered = false;
    pthread_mutex_lock(&a->lock);
    a->under_way++;
    pthread_mutex_unlock(&a->lock);
    told_begin(&q->told, a->client, NULL, told_method(q->call.op.kind));
    store_submit(a->client->store, &q->call);
}

/* Lowered first: an answer that comes after the look raises it again. */
static bool look(struct inquiry *q) {
    bool is_answered;

    flag_lower(q->asker->fd);
    pthread_mutex_lock(&q->asker->lock);
    is_answered = q->is_answered;
    pthread_mutex_unlock(&q->asker->lock);
    return is_answered;
}

bool inquiry_wait(struct inquiry *q, bool waits) {
    struct pollfd fd = {.fd = q->asker->fd, .events = POLLIN};

    while (!look(q)) {
        if (!waits) {
            return false;
        }
        (void)poll(&fd, 1, -1);
    }
    return true;
}
