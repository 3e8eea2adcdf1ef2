/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/seniors.h"

#include <inttypes.h>
#include <stdio.h>

#include "rpc/access.h"
#include "store/span.h"

enum { LEASE_TEXT_MAX = 17 };

struct seniors *seniors_new(struct rpc_task *task, struct slice name) {
    struct seniors *s = arena_calloc(&task->arena, 1, sizeof(*s));
    size_t size = name.size + 1;
    char *prefix = arena_alloc(&task->arena, 2 * size);

    if (s == NULL || prefix == NULL) {
        return NULL;
    }
    if (name.size > 0) {
        memcpy(prefix, name.data, name.size);
    }
    prefix[name.size] = '/';
    s->task = task;
    s->prefix = slice_make(prefix, size);
    s->prefix_end = store_span_of_prefix(s->prefix, prefix + size).range_end;
    task->state = s;
    return s;
}

static struct seniors *of(const struct rpc_task *task) {
    return task->state;
}

/* --- joining --- */

static enum pending_next joined(struct rpc_task *task) {
    struct seniors *s = of(task);
    const struct store_call *call = &task->pending.call;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    s->put_revision = call->revision;
    s->revision = call->revision;
    s->found = !call->result.succeeded;
    if (s->found) {
        s->revision = call->result.results[0].kvs[0].create_revision;
        s->found = !slice_equal(call->result.results[0].kvs[0].value, s->value);
    }
    return s->next(task);
}

static bool make_key(struct seniors *s) {
    char *key = arena_alloc(&s->task->arena, s->prefix.size + LEASE_TEXT_MAX);

    if (key == NULL) {
        return false;
    }
    memcpy(key, s->prefix.data, s->prefix.size);
    s->key = slice_make(
        key, s->prefix.size + (size_t)snprintf(key + s->prefix.size, LEASE_TEXT_MAX, "%" PRIx64, (uint64_t)s->lease));
    return true;
}

static enum pending_next put_key(struct rpc_task *task) {
    struct seniors *s = of(task);
    struct store_op *ops = arena_calloc(&task->arena, 2, sizeof(*ops));
    struct store_compare *compare = arena_calloc(&task->arena, 1, sizeof(*compare));
    struct store_op op;

    if (ops == NULL || compare == NULL || !make_key(s)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    if (task->call == NULL || !rpc_may_range(task->call, s->prefix, s->prefix_end) ||
        !rpc_may_write_keys(task->call, &s->key, 1)) {
        return PENDING_DONE;
    }
    compare[0] = (struct store_compare){.span.key = s->key, .target = STORE_COMPARE_CREATE, .result = STORE_EQUAL};
    ops[0] = (struct store_op){.kind = STORE_OP_PUT, .put = {.key = s->key, .value = s->value, .lease = s->lease}};
    ops[1] = (struct store_op){.kind = STORE_OP_RANGE, .range.span.key = s->key};
    op = (struct store_op){
        .kind = STORE_OP_TXN,
        .txn = {.compares = compare,
                .compare_count = 1,
                .success = &ops[0],
                .success_count = 1,
                .failure = &ops[1],
                .failure_count = 1},
    };
    return rpc_task_call(task, &op, joined);
}

static enum pending_next granted(struct rpc_task *task) {
    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    of(task)->lease = task->pending.call.result.lease;
    return put_key(task);
}

enum pending_next seniors_join(struct seniors *s, int64_t lease, struct slice value, seniors_step *next) {
    struct store_op op = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = SENIORS_LEASE_TTL_S};

    s->next = next;
    s->value = value;
    s->lease = lease;
    return lease != 0 ? put_key(s->task) : rpc_task_call(s->task, &op, granted);
}

/* --- leaving --- */

static enum pending_next left(struct rpc_task *task) {
    return rpc_task_finish(task, ETCD_OK); /* nobody hears it */
}

static enum pending_next leave(struct seniors *s) {
    struct store_op op = {.kind = STORE_OP_DELETE, .delete.span.key = s->key};

    return rpc_task_call(s->task, &op, left);
}

/* An error ends the call, and our key must not stand in the line of those who still wait. */
static enum pending_next give_up(struct seniors *s, enum etcd_error error) {
    struct rpc_task *task = s->task;

    if (task->call != NULL) {
        rpc_finish(task->call, error);
    }
    return s->key.size > 0 ? leave(s) : PENDING_DONE;
}

/* --- watching --- */

/* On a thread of the store. */
static void wake(void *ctx) {
    struct seniors *s = ctx;

    if (!atomic_exchange(&s->posted, true)) {
        pending_post(&s->task->pending);
    }
}

static void close_watcher(struct seniors *s) {
    if (s->watcher != NULL) {
        store_watcher_close(s->watcher);
        s->watcher = NULL;
    }
}

/* Whether there is news, or nobody who waits for it. */
static bool is_time(struct rpc_task *task) {
    struct store_batch batch;
    bool news;

    if (task->call == NULL) {
        return true;
    }
    store_watcher_next(of(task)->watcher, 1, &batch);
    news = batch.count > 0 || batch.more || batch.status != STORE_OK;
    store_batch_fini(&batch);
    return news;
}

static enum pending_next go_on(struct rpc_task *task) {
    struct seniors *s = of(task);

    if (s->watcher != NULL && !is_time(task)) {
        return PENDING_WAIT;
    }
    close_watcher(s);
    if (atomic_load(&s->posted)) {
        return PENDING_WAIT; /* it lies in the queue, and so comes again */
    }
    s->waiting = false;
    return s->next(task);
}

static enum pending_next look(struct rpc_task *task) {
    atomic_store(&of(task)->posted, false);
    return go_on(task);
}

/* Nobody waits any more: the task shall find out. */
static void abandoned(struct rpc_task *task) {
    struct seniors *s = of(task);

    if (s->waiting) {
        close_watcher(s);
        wake(s);
    }
}

enum pending_next seniors_watch(struct seniors *s, const struct store_span *span, int64_t revision, bool no_put,
                                seniors_step *next) {
    struct rpc_task *task = s->task;
    const struct store_watch watch = {.span = *span, .start_revision = revision + 1, .no_put = no_put};
    enum store_status status;

    if (task->call == NULL) {
        return next(task);
    }
    s->next = next;
    s->watcher = store_watch_open(task->worker->node->store, &watch, wake, s, &status, NULL);
    if (s->watcher == NULL) {
        return give_up(s, rpc_error_of(status));
    }
    s->waiting = true;
    task->step = look;
    task->abandoned = abandoned;
    rpc_hold(task->call);
    return go_on(task);
}

/* --- waiting in line --- */

struct store_op seniors_oldest(const struct seniors *s) {
    return (struct store_op){
        .kind = STORE_OP_RANGE,
        .range =
            {
                .span = {.key = s->prefix, .range_end = s->prefix_end},
                .order = STORE_SORT_ASCEND,
                .target = STORE_SORT_CREATE,
                .limit = 1,
                .direct = true, /* in the caller's name */
            },
    };
}

static seniors_step look_for_older;

/* Nobody is older. But our own key may have ended with its lease while we waited, and then the turn is somebody else's. */
static enum pending_next found_ours(struct rpc_task *task) {
    struct seniors *s = of(task);
    const struct store_call *call = &task->pending.call;

    if (rpc_task_failed(task)) {
        return give_up(s, rpc_task_error(task));
    }
    if (task->call == NULL) {
        return leave(s);
    }
    if (call->result.kv_count == 0 || call->result.kvs[0].create_revision != s->revision) {
        return rpc_task_finish(task, ETCD_ERROR_LEASE_NOT_FOUND);
    }
    return s->wait_next(task);
}

static enum pending_next found_older(struct rpc_task *task) {
    struct seniors *s = of(task);
    const struct store_call *call = &task->pending.call;
    struct store_span span;

    if (rpc_task_failed(task)) {
        return give_up(s, rpc_task_error(task));
    }
    if (task->call == NULL) {
        return leave(s);
    }
    if (call->result.kv_count == 0) {
        struct store_op op = {.kind = STORE_OP_RANGE, .range = {.span.key = s->key, .keys_only = true, .direct = true}};

        return rpc_task_call(task, &op, found_ours);
    }
    span = (struct store_span){.key = call->result.kvs[0].key};
    return seniors_watch(s, &span, call->revision, true, look_for_older);
}

/* The youngest of the older ones: when it goes, we look again. */
static enum pending_next look_for_older(struct rpc_task *task) {
    struct seniors *s = of(task);
    struct store_op op = seniors_oldest(s);

    if (task->call == NULL) {
        return leave(s);
    }
    op.range.order = STORE_SORT_DESCEND;
    op.range.max_create_revision = s->revision - 1;
    op.range.keys_only = true;
    return rpc_task_call(task, &op, found_older);
}

enum pending_next seniors_wait(struct seniors *s, seniors_step *next) {
    s->wait_next = next;
    return look_for_older(s->task);
}
