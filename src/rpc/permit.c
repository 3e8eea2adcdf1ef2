/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/permit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "rpc/permit_memo.h"
#include "store/etcd/etcd.h"

enum { OLD_REVISION_TRIES = 3 /* users and roles may change while a question is answered */ };

/* Where the requests of one caller wait; there is one while any do. The question under way is its pending. */
struct desk {
    struct pending pending; /* first */
    struct desk *next;      /* in the book's list */
    struct permit_book *book;
    struct permit_ask *waiting;
    struct permit_ask **end;
    struct permit_ask *asked; /* what the question under way is for */
    struct permit_ask *alone; /* of those, the one it is for; NULL: all of them */
    struct store_op *ops;     /* STORE_TXN_OPS_MAX; NULL: not made yet */
    size_t op_count;
    int64_t asked_ns;
    unsigned epoch;
    unsigned tries;
    size_t token_size;
    char token[];
};

struct permit_book {
    struct rpc_worker *worker;
    struct permit_memo *memo; /* NULL: no memory for it, so all is asked */
    struct desk *desks;
    size_t desk_count;
    unsigned epoch; /* of what is in the memo */
};

bool rpc_permit_is_open(const struct rpc_node *node, int64_t since_ns) {
    int64_t open_ns = atomic_load_explicit(&etcd_store_facts(node->cluster)->open_ns, memory_order_acquire);

    return open_ns != INT64_MIN && open_ns >= since_ns;
}

static struct permit_book *book_of(struct rpc_worker *w) {
    if (w->permits == NULL) {
        w->permits = calloc(1, sizeof(*w->permits));
        if (w->permits != NULL) {
            w->permits->worker = w;
            w->permits->memo = permit_memo_new(random_os_seed());
        }
    }
    return w->permits;
}

void rpc_permit_free(struct permit_book *book) {
    if (book != NULL) {
        permit_memo_free(book->memo);
        free(book);
    }
}

/* --- what is known --- */

static void forget_what_changed(struct permit_book *book) {
    unsigned epoch = atomic_load(&book->worker->node->permit_epoch);

    if (book->memo != NULL && book->epoch != epoch) {
        permit_memo_clear(book->memo);
    }
    book->epoch = epoch;
}

static bool is_known(struct permit_book *book, const struct rpc_task *task, const struct store_span *span,
                     int64_t since_ns) {
    if (rpc_permit_is_open(task->worker->node, since_ns)) {
        return true;
    }
    forget_what_changed(book);
    return book->memo != NULL && permit_memo_has(book->memo, task->token, span, since_ns);
}

static struct slice token_of(const struct desk *desk) {
    return slice_make(desk->token, desk->token_size);
}

static void remember(struct desk *desk, const struct permit_ask *ask) {
    struct permit_book *book = desk->book;

    forget_what_changed(book);
    if (book->memo == NULL || desk->epoch != book->epoch) {
        return;
    }
    if (ask->error == ETCD_OK) {
        permit_memo_put(book->memo, token_of(desk), &ask->span, desk->asked_ns);
    } else if (ask->error != ETCD_ERROR_PERMISSION_DENIED) {
        permit_memo_drop(book->memo, token_of(desk)); /* the token itself is not good */
    } else {
        permit_memo_forget(book->memo, token_of(desk), &ask->span);
    }
}

/* --- verdicts --- */

/* Its task goes on when the queue is run. */
static void tell(struct desk *desk, struct permit_ask *ask, enum etcd_error error) {
    ask->error = error;
    if (desk->token_size > 0) {
        remember(desk, ask);
    }
    pending_post(&ask->task->pending);
}

static void tell_all(struct desk *desk, enum etcd_error error) {
    while (desk->asked != NULL) {
        struct permit_ask *ask = desk->asked;

        desk->asked = ask->next;
        tell(desk, ask, error);
    }
}

/* --- questions --- */

static struct store_op question_of(const struct permit_ask *ask) {
    return (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = ask->span, .limit = 1, .keys_only = true, .direct = true},
    };
}

static enum pending_next look(struct pending *p);

static enum pending_next put_question(struct desk *desk, const struct store_op *op) {
    struct pending *p = &desk->pending;

    pending_renew_call(p);
    p->call.op = *op;
    p->call.as_caller = true;
    p->call.token = token_of(desk);
    p->step = look;
    return PENDING_CALL;
}

/* Whether there is room for one that is asked of several. */
static bool make_room(struct desk *desk) {
    if (desk->ops == NULL) {
        desk->ops = calloc(STORE_TXN_OPS_MAX, sizeof(*desk->ops));
    }
    return desk->ops != NULL;
}

static enum pending_next ask_alone(struct desk *desk) {
    struct store_op op = question_of(desk->asked);

    desk->alone = desk->asked;
    return put_question(desk, &op);
}

/* Takes as many as one transaction may have. Without a token the answer is the same whatever is asked for: one question
 * does for all. */
static size_t take_waiting(struct desk *desk) {
    size_t most = desk->token_size == 0 ? SIZE_MAX : make_room(desk) ? STORE_TXN_OPS_MAX : 1;
    struct permit_ask **end = &desk->waiting;
    size_t count = 0;

    for (; *end != NULL && count < most; count++) {
        end = &(*end)->next;
    }
    desk->asked = desk->waiting;
    desk->waiting = *end;
    if (desk->waiting == NULL) {
        desk->end = &desk->waiting;
    }
    *end = NULL;
    return count;
}

static enum pending_next ask_together(struct desk *desk, size_t count) {
    struct store_op op = {.kind = STORE_OP_TXN};
    size_t i = 0;

    for (const struct permit_ask *ask = desk->asked; ask != NULL; ask = ask->next) {
        desk->ops[i++] = question_of(ask);
    }
    op.txn.success = desk->ops;
    op.txn.success_count = count;
    desk->alone = NULL;
    return put_question(desk, &op);
}

static void free_desk(struct pending *p) {
    struct desk *desk = (struct desk *)(void *)p;
    struct desk **at = &desk->book->desks;

    while (*at != desk) {
        at = &(*at)->next;
    }
    *at = desk->next;
    desk->book->desk_count--;
    free(desk->ops);
    free(desk);
}

static enum pending_next next_question(struct desk *desk) {
    size_t count = take_waiting(desk);

    if (count == 0) {
        return PENDING_DONE;
    }
    desk->tries = 0;
    desk->asked_ns = clock_monotonic_ns();
    desk->epoch = atomic_load(&desk->book->worker->node->permit_epoch);
    if (count == 1) {
        return ask_alone(desk);
    }
    if (desk->token_size == 0) {
        struct store_op op = question_of(desk->asked);

        desk->alone = NULL;
        return put_question(desk, &op);
    }
    return ask_together(desk, count);
}

static enum pending_next begin(struct pending *p) {
    return next_question((struct desk *)(void *)p);
}

static enum etcd_error verdict_of(const struct store_call *call) {
    if (call->status == STORE_DENIED && call->etcd_error != 0) {
        return (enum etcd_error)call->etcd_error;
    }
    return rpc_error_of(call->status);
}

/* One of them is refused, or all, or they are too many: only each by itself can tell. */
static bool must_ask_each(const struct desk *desk, enum etcd_error error) {
    return desk->alone == NULL && desk->token_size > 0 &&
           (error == ETCD_ERROR_PERMISSION_DENIED || error == ETCD_ERROR_TOO_MANY_OPS ||
            error == ETCD_ERROR_REQUEST_TOO_LARGE || error == ETCD_ERROR_EMPTY_KEY);
}

static enum pending_next look(struct pending *p) {
    struct desk *desk = (struct desk *)(void *)p;
    enum etcd_error error = verdict_of(&p->call);

    if (error == ETCD_ERROR_AUTH_OLD_REVISION && ++desk->tries < OLD_REVISION_TRIES) {
        struct store_op op = p->call.op;

        return put_question(desk, &op);
    }
    if (must_ask_each(desk, error)) {
        return ask_alone(desk);
    }
    if (desk->alone == NULL) {
        tell_all(desk, error);
        return next_question(desk);
    }
    desk->asked = desk->alone->next;
    tell(desk, desk->alone, error);
    return desk->asked != NULL ? ask_alone(desk) : next_question(desk);
}

/* --- asking --- */

static struct desk *find_desk(const struct permit_book *book, struct slice token) {
    struct desk *desk = book->desks;

    while (desk != NULL && !slice_equal(token_of(desk), token)) {
        desk = desk->next;
    }
    return desk;
}

static struct desk *new_desk(struct permit_book *book, struct slice token) {
    struct rpc_worker *w = book->worker;
    struct desk *desk = calloc(1, sizeof(*desk) + token.size);

    if (desk == NULL) {
        return NULL;
    }
    pending_init(&desk->pending, w->context->completions, w->node->cluster, begin, free_desk);
    desk->book = book;
    desk->end = &desk->waiting;
    desk->token_size = token.size;
    if (token.size > 0) {
        memcpy(desk->token, token.data, token.size);
    }
    desk->next = book->desks;
    book->desks = desk;
    book->desk_count++;
    return desk;
}

/* The desk where the task waits; a new one is still to be opened. NULL: there is none for it, `ret_error` says why. */
static struct desk *desk_of(struct permit_book *book, const struct rpc_task *task, bool *ret_is_new,
                            enum etcd_error *ret_error) {
    struct desk *desk = book != NULL ? find_desk(book, task->token) : NULL;

    *ret_is_new = desk == NULL;
    if (desk != NULL) {
        return desk;
    }
    if (book != NULL && book->desk_count >= RPC_PERMIT_CALLERS_MAX) {
        *ret_error = ETCD_ERROR_TOO_MANY_REQUESTS;
        return NULL;
    }
    *ret_error = ETCD_ERROR_NO_MEMORY;
    return book != NULL ? new_desk(book, task->token) : NULL;
}

enum pending_next rpc_permit_ask(struct rpc_task *task, struct permit_ask *ask, const struct store_span *span,
                                 int64_t since_ns, enum pending_next (*next)(struct rpc_task *task)) {
    struct permit_book *book = book_of(task->worker);
    enum etcd_error error;
    struct desk *desk;
    bool is_new;

    *ask = (struct permit_ask){.task = task, .span = *span, .error = ETCD_OK};
    task->step = next;
    if (book != NULL && is_known(book, task, span, since_ns)) {
        return next(task);
    }
    desk = desk_of(book, task, &is_new, &error);
    if (desk == NULL) {
        ask->error = error;
        return next(task);
    }
    *desk->end = ask;
    desk->end = &ask->next;
    if (is_new) {
        pending_post(&desk->pending); /* with all that come in this turn */
    }
    return PENDING_WAIT;
}
