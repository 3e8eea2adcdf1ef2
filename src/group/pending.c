/* SPDX-License-Identifier: Apache-2.0 */
#include "group/pending.h"

#include "group/pending_span.h"

/* Between the thread that hands a call in and the one that ends it. Whoever comes second goes on with the pending: the
 * worker at once, the store by posting it. */
enum call_state { CALL_HANDED_IN, CALL_RETURNED /* store_submit has, without an answer so far */, CALL_ENDED };

static void on_call_done(struct store_call *call) {
    struct pending *p = (struct pending *)(void *)((char *)call - offsetof(struct pending, call));

    if (atomic_exchange(&p->call_state, CALL_ENDED) == CALL_RETURNED) {
        pending_post(p);
    }
}

void pending_init(struct pending *p, struct pending_queue *queue, struct store *store,
                  enum pending_next (*step)(struct pending *p), void (*free)(struct pending *p)) {
    p->next = NULL;
    p->queue = queue;
    p->store = store;
    p->step = step;
    p->free = free;
    p->done = NULL;
    p->news = NULL;
    p->stream = NULL;
    p->owner = NULL;
    atomic_init(&p->call_state, CALL_ENDED);
    if (store != NULL) {
        store_call_init(&p->call, on_call_done);
    }
    p->reply = (struct reply){0};
    p->scope = NULL;
    p->span = NULL;
    p->held = NULL;
    p->release = NULL;
}

void pending_within(struct pending *p, struct trace_scope *scope) {
    p->scope = trace_scope_ref(scope);
}

static void release_held(void *held) {
    struct pending *p = held;

    if (p->release != NULL) {
        p->release(p->held);
    }
    if (p->store != NULL) {
        store_call_fini(&p->call);
    }
    trace_scope_unref(p->scope);
    p->free(p);
}

/* Its reply is complete; with it the pending goes. */
static void complete(struct pending *p) {
    pending_span_end(p);
    p->stream = NULL;
    p->held = p->reply.held;
    p->release = p->reply.release;
    p->reply.held = p;
    p->reply.release = release_held;
}

/* Goes on as far as possible. True: the reply is complete. */
static bool drive(struct pending *p) {
    for (;;) {
        pending_span_call_ended(p);
        switch (p->step(p)) {
        case PENDING_DONE:
            complete(p);
            return true;
        case PENDING_WAIT:
            return false;
        case PENDING_CALL:
            if (p->queue->closed) {
                p->call.status = STORE_CLOSED;
                break;
            }
            pending_span_call_begins(p);
            atomic_store(&p->call_state, CALL_HANDED_IN);
            store_submit(p->store, &p->call);
            if (atomic_exchange(&p->call_state, CALL_RETURNED) != CALL_ENDED) {
                return false;
            }
            break;
        }
    }
}

void pending_start(struct pending *p, struct reply *ret_reply) {
    if (drive(p)) {
        *ret_reply = p->reply;
        return;
    }
    ret_reply->result = RESULT_PENDING;
    ret_reply->pending = p;
}

void pending_await(struct pending *p, void (*done)(void *owner, struct reply *reply), void *owner) {
    p->done = done;
    p->owner = owner;
}

void pending_hear(struct pending *p, void (*news)(void *owner, struct answer_stream *stream)) {
    p->news = news;
}

void pending_tell_news(struct pending *p, struct answer_stream *stream) {
    if (p->done == NULL) {
        stream->ops->leave(stream);
        return;
    }
    p->stream = stream;
    if (p->news != NULL) {
        p->news(p->owner, stream);
    }
}

void pending_abandon(struct pending *p) {
    struct answer_stream *stream = p->stream;

    p->done = NULL;
    p->news = NULL;
    p->stream = NULL;
    if (stream != NULL) {
        stream->ops->leave(stream);
    }
}

void pending_renew_call(struct pending *p) {
    store_call_fini(&p->call);
    store_call_init(&p->call, on_call_done);
}

void pending_post(struct pending *p) {
    struct pending_queue *queue = p->queue;
    struct pending *head = atomic_load_explicit(&queue->newest, memory_order_relaxed);

    do {
        p->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&queue->newest, &head, p, memory_order_acq_rel, memory_order_relaxed));
    /* From here on the pending may be gone. Whoever finds the queue empty comes after all that its last run has done, and
     * may use the means of waking again. */
    if (head == NULL && queue->wake != NULL) {
        queue->wake(queue->ctx);
    }
}

struct pending *pending_reverse(struct pending *list) {
    struct pending *reversed = NULL;

    while (list != NULL) {
        struct pending *next = list->next;

        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static void tell(struct pending *p) {
    struct reply reply = p->reply;

    if (p->done != NULL) {
        p->done(p->owner, &reply);
    } else {
        reply_release(&reply);
    }
}

void pending_end(struct pending *p) {
    complete(p);
    tell(p);
}

void pending_queue_run(struct pending_queue *queue) {
    struct pending *p = pending_reverse(atomic_exchange_explicit(&queue->newest, NULL, memory_order_acq_rel));

    while (p != NULL) {
        struct pending *next = p->next;

        if (drive(p)) {
            tell(p);
        }
        p = next;
    }
}
