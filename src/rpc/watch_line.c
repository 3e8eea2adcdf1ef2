/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_line.h"

#include "base/clock.h"
#include "rpc/permit.h"

enum { ARENA_MAX = 64 << 20 /* bytes of a request, unpacked */ };

/* The state of the task that asks for the first in line. */
struct watch_line {
    struct permit_ask ask;
    const Etcdserverpb__WatchRequest *first; /* which is being asked for */
    struct arena arena;                      /* it lies there, unless it is the one that the task began with */
    struct buf waiting;                      /* those behind it: a head each, and the request as it came */
    size_t count;
    size_t taken;   /* bytes of `waiting` */
    bool is_asking; /* from inside do_waiting */
    bool is_judged; /* the first */
};

struct head {
    int64_t came_ns;
    size_t size;
};

/* The room of those that have had their turn is used again once it is more than that of the others. */
static void move_down(struct watch_line *line) {
    if (line->taken > line->waiting.size / 2) {
        buf_consume(&line->waiting, line->taken);
        line->taken = 0;
    }
}

void watch_line_add(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r) {
    struct watch_line *line = stream->line;
    struct head head = {.came_ns = clock_monotonic_ns(), .size = protobuf_c_message_get_packed_size(&r->base)};
    char *at;

    if (line->count >= WATCH_LINE_MAX) {
        rpc_finish(stream->call, ETCD_ERROR_TOO_MANY_REQUESTS);
        return;
    }
    move_down(line);
    if (buf_reserve(&line->waiting, sizeof(head) + head.size) != LARDER_OK) {
        rpc_finish(stream->call, ETCD_ERROR_TOO_MANY_REQUESTS);
        return;
    }
    at = line->waiting.data + line->waiting.size;
    memcpy(at, &head, sizeof(head));
    protobuf_c_message_pack(&r->base, (uint8_t *)at + sizeof(head));
    line->waiting.size += sizeof(head) + head.size;
    line->count++;
}

/* NULL: no memory. */
static const Etcdserverpb__WatchRequest *take(struct watch_line *line, int64_t *ret_came_ns) {
    struct head head;
    struct slice bytes;

    memcpy(&head, line->waiting.data + line->taken, sizeof(head));
    bytes = slice_make(line->waiting.data + line->taken + sizeof(head), head.size);
    line->taken += sizeof(head) + head.size;
    line->count--;
    *ret_came_ns = head.came_ns;
    arena_reset(&line->arena);
    return (const void *)etcd_message_unpack(&etcdserverpb__watch_request__descriptor, bytes, &line->arena);
}

/* The stream is gone with its call. */
static enum pending_next end_line(struct rpc_task *task) {
    struct watch_line *line = task->state;

    if (task->call != NULL) {
        struct watch_stream *stream = task->call->state;

        stream->line = NULL;
    }
    buf_fini(&line->waiting);
    arena_fini(&line->arena);
    return PENDING_DONE;
}

static enum pending_next do_waiting(struct rpc_task *task);

/* A verdict may come at once; then it is do_waiting that goes on, so that however many come like that, none is inside another. */
static enum pending_next go_on(struct rpc_task *task) {
    struct watch_line *line = task->state;

    line->is_judged = true;
    return line->is_asking ? PENDING_WAIT : do_waiting(task);
}

static void ask(struct rpc_task *task, const Etcdserverpb__WatchRequest *r, int64_t came_ns) {
    struct watch_line *line = task->state;
    struct store_watch want = watch_of_request(r->create_request);

    line->first = r;
    line->is_judged = false;
    line->is_asking = true;
    (void)rpc_permit_ask(task, &line->ask, &want.span, came_ns, go_on);
    line->is_asking = false;
}

/* Takes the next one: what is to be asked for is, all else is done. */
static void begin_next(struct rpc_task *task) {
    struct watch_line *line = task->state;
    int64_t came_ns;
    const Etcdserverpb__WatchRequest *r = take(line, &came_ns);

    if (r == NULL) {
        rpc_finish(task->call, ETCD_ERROR_NO_MEMORY);
    } else if (r->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST) {
        ask(task, r, came_ns);
    } else {
        watch_obey(task->call->state, r, ETCD_OK);
    }
}

/* Does the one that is being asked for, and what waits behind it, up to what must be asked for. */
static enum pending_next do_waiting(struct rpc_task *task) {
    struct watch_line *line = task->state;

    while (task->call != NULL && (line->first != NULL || line->count > 0)) {
        if (line->first == NULL) {
            begin_next(task);
        } else if (line->is_judged) {
            const Etcdserverpb__WatchRequest *r = line->first;

            line->first = NULL;
            watch_obey(task->call->state, r, line->ask.error);
        } else {
            return PENDING_WAIT;
        }
    }
    return end_line(task);
}

static enum pending_next begin(struct rpc_task *task) {
    struct watch_stream *stream = task->call->state;
    struct watch_line *line = arena_calloc(&task->arena, 1, sizeof(*line));

    if (line == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    arena_init(&line->arena, ARENA_MAX);
    buf_init(&line->waiting, WATCH_LINE_BYTES_MAX);
    task->state = line;
    stream->line = line;
    ask(task, task->request, clock_monotonic_ns());
    return do_waiting(task);
}

void watch_line_begin(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r) {
    rpc_task_start(stream->call, begin, r);
}
