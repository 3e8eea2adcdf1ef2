/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <unistd.h>

#include "library/etcd/call.h"
#include "library/etcd/told.h"
#include "library/etcd/translate.h"
#include "library/etcd/watch.h"
#include "library/memory.h"

/* Operations that nobody waits for: their answers gather in a list, and a flag says that there are some. */

struct queued {
    struct store_call call; /* first */
    struct larder_etcd_queue *queue;
    struct queued *next; /* answered */
    struct arena arena;  /* what was translated */
    struct told told;
    enum larder_etcd_op_kind kind;
    void *tag;
};

struct larder_etcd_queue {
    struct larder_etcd *client;
    const struct span *parent; /* of the view it was made with: whose children its operations are */
    int fd;                    /* raised while there are answers; changed under the lock */

    pthread_mutex_t lock;
    pthread_cond_t ended; /* `under_way` has become 0 */
    struct queued *first;
    struct queued **end;
    size_t under_way;
    size_t answered;
};

enum larder_status larder_etcd_queue_new(struct larder_etcd *client, struct larder_etcd_queue **ret_queue,
                                         char ret_message[LARDER_MESSAGE_MAX]) {
    struct larder_etcd_queue *queue;

    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    queue = memory_new(&client->allocator, sizeof(*queue));
    if (queue == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    queue->fd = flag_open();
    if (queue->fd < 0) {
        memory_free(&client->allocator, queue);
        return client_say(ret_message, LARDER_ERR_SYSTEM, larder_strerror(LARDER_ERR_SYSTEM));
    }
    queue->client = client->root;
    queue->parent = client->parent;
    queue->end = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->ended, NULL);
    *ret_queue = queue;
    return client_say(ret_message, LARDER_DONE, "");
}

static void release(struct queued *q) {
    store_call_fini(&q->call);
    arena_fini(&q->arena);
    memory_free(&q->queue->client->allocator, q);
}

/* NULL: there is none. */
static struct queued *take(struct larder_etcd_queue *queue) {
    struct queued *q;

    pthread_mutex_lock(&queue->lock);
    q = queue->first;
    if (q != NULL) {
        queue->first = q->next;
        queue->answered--;
    }
    if (queue->first == NULL) {
        queue->end = &queue->first;
        flag_lower(queue->fd);
    }
    pthread_mutex_unlock(&queue->lock);
    return q;
}

static void await_all(struct larder_etcd_queue *queue) {
    struct queued *q;

    pthread_mutex_lock(&queue->lock);
    while (queue->under_way > 0) {
        pthread_cond_wait(&queue->ended, &queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    while ((q = take(queue)) != NULL) {
        release(q);
    }
    pthread_cond_destroy(&queue->ended);
    pthread_mutex_destroy(&queue->lock);
}

void larder_etcd_queue_free(struct larder_etcd_queue *queue) {
    if (queue == NULL) {
        return;
    }
    if (!client_is_foreign(queue->client)) {
        await_all(queue);
    }
    close(queue->fd);
    memory_free(&queue->client->allocator, queue);
}

/* On the engine's thread, or from inside of store_submit. The tracer is told before anybody can take the answer. */
static void on_done(struct store_call *call) {
    struct queued *q = (struct queued *)(void *)call;
    struct larder_etcd_queue *queue = q->queue;

    told_end(&q->told, call, call->from_memory);
    pthread_mutex_lock(&queue->lock);
    *queue->end = q;
    queue->end = &q->next;
    queue->answered++;
    queue->under_way--;
    flag_raise(queue->fd);
    if (queue->under_way == 0) {
        pthread_cond_signal(&queue->ended);
    }
    pthread_mutex_unlock(&queue->lock);
}

static enum larder_status submit(struct queued *q, const struct larder_etcd_op *op, const struct larder_etcd_how *how,
                                 char *ret_message) {
    struct larder_etcd_queue *queue = q->queue;
    const struct span *parent = call_parent(how);
    const char *why = "";
    enum larder_status status = translate_op(op, &q->arena, &q->call.op, &why);

    if (status != LARDER_DONE) {
        return client_say(ret_message, status, why);
    }
    q->call.deadline_ns = call_deadline(queue->client, how);
    q->call.retry_unknown = how != NULL && how->retry_unknown;
    pthread_mutex_lock(&queue->lock);
    queue->under_way++;
    pthread_mutex_unlock(&queue->lock);
    told_begin(&q->told, queue->client, parent != NULL ? parent : queue->parent, told_method(q->call.op.kind));
    store_submit(queue->client->store, &q->call);
    return client_say(ret_message, LARDER_DONE, "");
}

enum larder_status larder_etcd_queue_run(struct larder_etcd_queue *queue, const struct larder_etcd_op *op,
                                         const struct larder_etcd_how *how, void *tag,
                                         char ret_message[LARDER_MESSAGE_MAX]) {
    enum larder_status status;
    struct queued *q;

    if (client_is_foreign(queue->client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    q = memory_new(&queue->client->allocator, sizeof(*q));
    if (q == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    store_call_init(&q->call, on_done);
    arena_init(&q->arena, TRANSLATION_MAX);
    q->queue = queue;
    q->kind = op->kind;
    q->tag = tag;
    status = submit(q, op, how, ret_message);
    if (status != LARDER_DONE) {
        release(q);
    }
    return status;
}

enum larder_status larder_etcd_queue_next(struct larder_etcd_queue *queue, struct larder_etcd_result *result,
                                          void **ret_tag) {
    enum larder_status status;
    struct queued *q;

    if (client_is_foreign(queue->client)) {
        return call_fail(result, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    q = take(queue);
    if (q == NULL) {
        return call_fail(result, LARDER_NOTHING, "");
    }
    if (ret_tag != NULL) {
        *ret_tag = q->tag;
    }
    status = call_take_op(queue->client, q->kind, &q->call, result);
    release(q);
    return status;
}

size_t larder_etcd_queue_size(struct larder_etcd_queue *queue) {
    size_t size;

    if (client_is_foreign(queue->client)) {
        return 0;
    }
    pthread_mutex_lock(&queue->lock);
    size = queue->under_way + queue->answered;
    pthread_mutex_unlock(&queue->lock);
    return size;
}

int larder_etcd_queue_fd(const struct larder_etcd_queue *queue) {
    return queue->fd;
}
