/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_HARNESS_H
#define LARDER_TESTS_STORE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <semaphore.h>

#include "base/clock.h"
#include "store/local/local.h"

/* A local store in a directory of its own that is removed at the end, and calls that wait for their answer. */
struct place {
    char directory[64];
    struct local_config config;
    struct store *store;
};

static inline void place_open(struct place *p) {
    struct buf why;

    buf_init(&why, 4096);
    p->store = local_open(&p->config, &why);
    if (p->store == NULL) {
        fail_msg("%.*s", (int)why.size, why.data);
    }
    buf_fini(&why);
}

static inline void place_init(struct place *p) {
    *p = (struct place){
        .directory = "/tmp/larder-store-XXXXXX",
        .config = {.quota = 64 << 20, .max_pending = 10000, .max_watchers = 100, .now_ns = clock_monotonic_ns},
    };
    assert_non_null(mkdtemp(p->directory));
    p->config.directory = p->directory;
}

static inline void place_start(struct place *p) {
    place_init(p);
    place_open(p);
}

static inline void place_reopen(struct place *p) {
    store_close(p->store);
    place_open(p);
}

static inline void place_remove(struct place *p) {
    static const char *const files[] = {"data.mdb", "data.mdb-lock", "larderd.lock", "journal"};
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->directory, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(p->directory), 0);
}

static inline void place_end(struct place *p) {
    store_close(p->store);
    place_remove(p);
}

struct awaited {
    struct store_call call;
    sem_t done;
};

static inline void awaited_done(struct store_call *call) {
    sem_post(&((struct awaited *)call)->done);
}

static inline void hand_in(struct place *p, struct awaited *a, struct store_op op) {
    sem_init(&a->done, 0, 0);
    store_call_init(&a->call, awaited_done);
    a->call.op = op;
    store_submit(p->store, &a->call);
}

/* The answer is to be given up with awaited_end. A signal (a fuzzer's clock sends some) must not end the wait: the store
 * would write to what the caller has given up. */
static inline enum store_status await(struct awaited *a) {
    while (sem_wait(&a->done) != 0) {
    }
    return a->call.status;
}

/* Both. */
static inline enum store_status run(struct place *p, struct awaited *a, struct store_op op) {
    hand_in(p, a, op);
    return await(a);
}

static inline void awaited_end(struct awaited *a) {
    store_call_fini(&a->call);
    sem_destroy(&a->done);
}

/* --- the short forms --- */

static inline struct store_op op_put(const char *key, const char *value) {
    return (struct store_op){
        .kind = STORE_OP_PUT,
        .put = {.key = slice_from_string(key), .value = slice_from_string(value)},
    };
}

static inline struct store_op op_get(const char *key) {
    return (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = slice_from_string(key)}}};
}

static inline struct store_op op_delete(const char *key) {
    return (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = slice_from_string(key)}}};
}

static inline struct store_span span_all(void) {
    return (struct store_span){.key = SLICE("\0"), .range_end = SLICE("\0")};
}

static inline int64_t put(struct place *p, const char *key, const char *value) {
    struct awaited a;
    int64_t revision;

    assert_int_equal(run(p, &a, op_put(key, value)), STORE_OK);
    revision = a.call.revision;
    awaited_end(&a);
    return revision;
}

static inline int64_t del(struct place *p, const char *key) {
    struct awaited a;
    int64_t revision;

    assert_int_equal(run(p, &a, op_delete(key)), STORE_OK);
    revision = a.call.revision;
    awaited_end(&a);
    return revision;
}

/* Checks the value at a revision (0: now); NULL: the key must not be there. */
static inline void expect(struct place *p, const char *key, int64_t revision, const char *value) {
    struct store_op op = op_get(key);
    struct awaited a;

    op.range.revision = revision;
    assert_int_equal(run(p, &a, op), STORE_OK);
    assert_int_equal(a.call.result.kv_count, value == NULL ? 0 : 1);
    if (value != NULL) {
        assert_int_equal(a.call.result.kvs[0].value.size, strlen(value));
        assert_memory_equal(a.call.result.kvs[0].value.data, value, strlen(value));
    }
    awaited_end(&a);
}

static inline void compact(struct place *p, int64_t revision) {
    struct awaited a;

    assert_int_equal(run(p, &a, (struct store_op){.kind = STORE_OP_COMPACT, .compact_revision = revision}), STORE_OK);
    awaited_end(&a);
}

static inline struct store_op op_note(const char *name, struct slice value) {
    return (struct store_op){.kind = STORE_OP_NOTE, .note = {.name = slice_from_string(name), .value = value}};
}

static inline void note(struct place *p, const char *name, struct slice value) {
    struct awaited a;

    assert_int_equal(run(p, &a, op_note(name, value)), STORE_OK);
    awaited_end(&a);
}

#endif
