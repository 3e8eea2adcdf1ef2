/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_GROUP_ORIGIN_FIXTURE_H
#define TESTS_UNIT_GROUP_ORIGIN_FIXTURE_H

/* Two workers, and an origin that answers when the test says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "group/origin.h"
#include "origin/entry.h"
#include "proto/http/caching_request.h"

enum { WORKERS = 2, FETCHES = 64, BODY_MAX = 1024 };

/* A request to the origin that is under way. */
struct asked {
    const struct fetch_ops *ops;
    void *ctx;
    char url[256];
    bool conditional;
    bool resumed;
    bool cancelled;
    int renewed;
};

struct fixture {
    struct table table;
    struct group_set *groups;
    const struct group_set *current;
    struct worker_telemetry telemetry[WORKERS];
    struct origin origin;
    struct origin_worker workers[WORKERS];
    struct pending_queue queues[WORKERS];
    struct asked asked[FETCHES];
    size_t count;
    enum larder_error refuses; /* what the next request begins with */
};

/* What a request was answered. */
struct told {
    bool done;
    struct reply reply;
    char body[BODY_MAX];
    size_t size; /* what was taken before is left out */
    unsigned status;
    struct pending *pending;      /* while it is under way */
    struct answer_stream *stream; /* that it was told of */
    int news;
};

static int64_t wall_ms = INT64_C(1600000000000);
static struct fixture *present;

static inline int64_t wall_ns(void) {
    return wall_ms * CLOCK_NS_PER_MS;
}

static inline enum larder_error fetch(struct origin_worker *w, const struct group_policy *policy,
                                      const struct fetch_request *request, const struct fetch_ops *ops, void *ctx,
                                      struct fetch **ret_fetch) {
    struct fixture *f = present;
    struct asked *asked = &f->asked[f->count];

    (void)w;
    (void)policy;
    if (f->refuses != LARDER_OK) {
        return f->refuses;
    }
    assert_true(f->count < FETCHES);
    f->count++;
    *ret_fetch = (struct fetch *)(void *)asked;
    *asked = (struct asked){.ops = ops, .ctx = ctx, .conditional = request->field_count > 0};
    assert_true(request->url.size < sizeof(asked->url));
    memcpy(asked->url, request->url.data, request->url.size);
    return LARDER_OK;
}

static inline void resume(struct fetch *fetch) {
    ((struct asked *)(void *)fetch)->resumed = true;
}

static inline void renew(struct fetch *fetch, int64_t deadline_ns) {
    assert_true(deadline_ns > clock_monotonic_ns());
    ((struct asked *)(void *)fetch)->renewed++;
}

static inline void cancel(struct fetch *fetch) {
    ((struct asked *)(void *)fetch)->cancelled = true;
}

static const struct origin_control control = {.resume = resume, .renew = renew, .cancel = cancel};

static inline int setup(void **state) {
    const struct table_config config = {.memory = 1 << 20, .max_item = 64 << 10, .seed = 5};
    struct fixture *f = calloc(1, sizeof(*f));
    struct group_policy policy = group_policy_make(SLICE("o"), 64 << 10);

    assert_non_null(f);
    policy.backing = GROUP_BACKING_ORIGIN;
    policy.origin.url_size = sizeof("http://origin") - 1;
    memcpy(policy.origin.url, "http://origin", policy.origin.url_size);
    policy.origin.answers.max_body = 512;
    assert_int_equal(table_init(&f->table, &config), LARDER_OK);
    assert_int_equal(group_set_build(&policy, 1, 64 << 10, NULL, &f->groups), LARDER_OK);
    assert_int_equal(origin_init(&f->origin, &f->table, 0, WORKERS), LARDER_OK);
    f->origin.wall_ns = wall_ns;
    f->current = f->groups;
    for (int i = 0; i < WORKERS; i++) {
        worker_telemetry_init(&f->telemetry[i]);
        f->workers[i] = (struct origin_worker){.origin = &f->origin,
                                               .groups = &f->current,
                                               .telemetry = &f->telemetry[i],
                                               .fetch = fetch,
                                               .control = &control};
    }
    present = f;
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *f = *state;

    assert_int_equal(origin_under_way(&f->origin), 0);
    origin_fini(&f->origin);
    group_set_free(f->groups);
    table_fini(&f->table);
    for (int i = 0; i < WORKERS; i++) {
        worker_telemetry_fini(&f->telemetry[i]);
    }
    free(f);
    return 0;
}

static inline uint64_t counted(const struct fixture *f, enum counter counter) {
    uint64_t sum = 0;

    for (int i = 0; i < WORKERS; i++) {
        sum += atomic_load(&f->telemetry[i].counters[counter]);
    }
    return sum;
}

/* --- asking --- */

static inline void take(void *owner, struct reply *reply) {
    struct told *told = owner;
    struct origin_entry e;

    told->done = true;
    told->reply = *reply;
    told->status = 0;
    if (reply->item.head_size > 0) {
        assert_int_equal(origin_entry_read(reply->item.value, &e), LARDER_OK);
        assert_int_equal(reply->item.value.size - e.body.size, reply->item.head_size);
        told->size = e.body.size - reply->streamed;
        assert_true(told->size <= sizeof(told->body));
        memcpy(told->body, e.body.data + reply->streamed, told->size);
        told->status = e.status;
    }
    reply_release(reply);
}

static inline void hear(void *owner, struct answer_stream *stream) {
    struct told *told = owner;

    told->stream = stream;
    told->news++;
}

static inline void run(struct fixture *f, int worker, const struct request *request, struct told *ret_told) {
    bool expired = false, cut = false;
    const struct origin_access a = {
        .memory =
            {
                .table = &f->table,
                .policy = group_set_find(f->current, request->key),
                .now = table_seconds(0, clock_monotonic_ns()),
                .ret_expired = &expired,
                .ret_cut = &cut,
            },
        .worker = &f->workers[worker],
        .completions = &f->queues[worker],
        .now_ns = clock_monotonic_ns(),
    };
    struct reply reply = {.group = a.memory.policy->index};

    memset(ret_told, 0, sizeof(*ret_told));
    origin_run(&a, request, &reply);
    if (reply.result == RESULT_PENDING) {
        ret_told->pending = reply.pending;
        pending_await(reply.pending, take, ret_told);
        if (request->stream != REQUEST_WHOLE) {
            pending_hear(reply.pending, hear);
        }
    } else {
        take(ret_told, &reply);
    }
}

static inline void get(struct fixture *f, int worker, struct told *ret_told) {
    run(f, worker, &(struct request){.command = COMMAND_GET, .key = SLICE("o/key")}, ret_told);
}

static inline void get_with(struct fixture *f, int worker, uint32_t words, struct told *ret_told) {
    const struct http_caching_request caching = {.words = words};

    run(f, worker, &(struct request){.command = COMMAND_GET, .key = SLICE("o/key"), .caching = &caching}, ret_told);
}

static inline enum result purge(struct fixture *f) {
    struct told told;

    run(f, 0, &(struct request){.command = COMMAND_DELETE, .key = SLICE("o/key")}, &told);
    assert_true(told.done);
    return told.reply.result;
}

static inline void run_queues(struct fixture *f) {
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < WORKERS; i++) {
            pending_queue_run(&f->queues[i]);
        }
    }
}

/* --- the origin's part --- */

static inline void head_of(struct fixture *f, size_t index, unsigned status, const char *caching, const char *etag) {
    const struct fetch_field fields[] = {
        {SLICE("Cache-Control"), slice_from_string(caching)},
        {SLICE("ETag"), slice_from_string(etag)},
    };
    const struct fetch_head h = {.status = status, .fields = fields, .field_count = 2};

    f->asked[index].ops->on_head(f->asked[index].ctx, &h);
}

static inline void head(struct fixture *f, size_t index, unsigned status, const char *caching) {
    head_of(f, index, status, caching, "\"v\"");
}

static inline void body(struct fixture *f, size_t index, const char *text) {
    assert_int_equal(f->asked[index].ops->on_body(f->asked[index].ctx, slice_from_string(text)), FETCH_GO_ON);
}

static inline void end(struct fixture *f, size_t index, enum larder_error error) {
    f->asked[index].ops->on_done(f->asked[index].ctx, error);
    run_queues(f);
}

static inline void answer(struct fixture *f, size_t index, unsigned status, const char *caching, const char *text) {
    head(f, index, status, caching);
    if (text[0] != '\0') {
        body(f, index, text);
    }
    end(f, index, LARDER_OK);
}

static inline void assert_told(const struct told *told, enum result result, const char *text) {
    assert_true(told->done);
    assert_int_equal(told->reply.result, result);
    assert_int_equal(told->size, strlen(text));
    assert_memory_equal(told->body, text, told->size);
}

#endif
