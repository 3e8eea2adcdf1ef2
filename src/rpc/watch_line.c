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
    size_t taken; /* bytes of `waiting` */
};

struct head {
    int64_t came_ns;
    size_t size;
};

void watch_line_add(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r) {
    struct watch_line *line = stream->line;
    struct head head = {.came_ns = clock_monotonic_ns(), .size = protobuf_c_message_get_packed_size(&r->base)};
    char *at;

    if (line->count >= WATCH_LINE_MAX) {
        rpc_finish(stream->call, ETCD_ERROR_TOO_MANY_REQUESTS);
        return;
    }
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

static enum pending_next go_on(struct rpc_task *task);

static enum pending_next ask(struct rpc_task *task, const Etcdserverpb__WatchRequest *r, int64_t came_ns) {
    struct watch_line *line = task->state;
    struct store_watch want = watch_of_request(r->create_request);

    line->first = r;
    return rpc_permit_ask(task, &line->ask, &want.span, came_ns, go_on);
}

/* Does what waits, up to what must be asked for. */
static enum pending_next do_waiting(struct rpc_task *task) {
    struct watch_line *line = task->state;

    while (task->call != NULL && line->count > 0) {
        int64_t came_ns;
        const Etcdserverpb__WatchRequest *r = take(line, &came_ns);

        if (r == NULL) {
            rpc_finish(task->call, ETCD_ERROR_NO_MEMORY);
        } else if (r->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST &&
                   !rpc_permit_is_open(task->worker->node, came_ns)) {
            return ask(task, r, came_ns);
        } else {
            watch_obey(task->call->state, r, ETCD_OK);
        }
    }
    return end_line(task);
}

static enum pending_next go_on(struct rpc_task *task) {
    struct watch_line *line = task->state;

    if (task->call != NULL) {
        watch_obey(task->call->state, line->first, line->ask.error);
    }
    return do_waiting(task);
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
    return ask(task, task->request, clock_monotonic_ns());
}

void watch_line_begin(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r) {
    rpc_task_start(stream->call, begin, r);
}
