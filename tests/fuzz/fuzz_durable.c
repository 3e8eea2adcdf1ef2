/* SPDX-License-Identifier: Apache-2.0 */
/* A whole session of either protocol over durable groups, whose answers come late and in any order, and which may end
 * before them; and etcd's API by JSON over the same store. The first four bytes say how the rest is cut up, what is held back, and how it ends. */
#include <assert.h>

#include "../unit/session/store_harness.h"
#include "auth/auth.h"
#include "base/random.h"

enum { HEAD = 4, SAID_MAX = 16 << 10, STEPS_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct harness_config config = {
    .memory = TABLE_MEMORY_MIN, .max_item = 64 << 10, .max_line = 8 << 10, .max_output = 4 << 10};

static struct store_harness harness;

static sem_t caught_up;

static void end(void) {
    background_free(harness.h.rpc.background);
    store_harness_fini(&harness);
    auth_free(harness.h.rpc.auth);
}

static void begin_rpc(void) {
    harness.h.rpc.background = background_new();
    harness.h.rpc.auth = auth_new(auth_state_new());
    harness_must(harness.h.rpc.background != NULL && harness.h.rpc.auth != NULL);
    harness.h.worker.context.now_ns = harness.now_ns;
    sem_init(&caught_up, 0, 0);
}

static void note_caught_up(struct background_job *job) {
    (void)job;
    sem_post(&caught_up);
}

/* Everything that was begun is done, whoever does it. */
static void settle(void) {
    struct background_job job = {.run = note_caught_up};

    do {
        store_harness_release_all(&harness);
        session_worker_complete(&harness.h.worker);
        harness_must(background_post(harness.h.rpc.background, &job));
        while (sem_wait(&caught_up) != 0) {
        }
    } while (harness.store.held_count > 0 || !pending_queue_is_empty(&harness.h.worker.completions));
}

/* Users and alarms of one input are not there for the next. */
static void forget_rpc(void) {
    auth_free(harness.h.rpc.auth);
    harness.h.rpc.auth = auth_new(auth_state_new());
    harness_must(harness.h.rpc.auth != NULL);
    atomic_store(&harness.h.rpc.alarms, 0);
}

/* One store serves all inputs: each begins with an empty one. */
static void begin(void) {
    static bool begun;
    struct awaited a;
    const struct store_op everything = {.kind = STORE_OP_DELETE, .delete = {.span = span_all()}};

    if (!begun) {
        store_harness_init(&harness, &config);
        begin_rpc();
        atexit(end);
        begun = true;
    }
    harness.store.hold_writes = harness.store.hold_reads = false;
    harness_must(run(&harness.place, &a, everything) == STORE_OK);
    awaited_end(&a);
}

static void release_some(struct random *r) {
    if (harness.store.held_count > 0) {
        store_harness_release(&harness, random_below(r, harness.store.held_count));
    }
}

static void feed(struct client *c, const uint8_t *said, size_t size) {
    while (size > 0 && session_wants_input(&c->session)) {
        char *place;
        size_t room;

        session_read_place(&c->session, &place, &room);
        room = room < size ? room : size;
        memcpy(place, said, room);
        session_feed(&c->session, room);
        said += room;
        size -= room;
    }
}

static void talk(struct client *c, const uint8_t *said, size_t size, size_t step_max, struct random *r) {
    for (int i = 0; i < STEPS_MAX && size > 0 && !c->session.over; i++) {
        size_t step = 1 + random_below(r, step_max);

        if (!session_wants_input(&c->session) || random_below(r, 4) == 0) {
            release_some(r);
            client_pump(c);
            continue;
        }
        step = step < size ? step : size;
        feed(c, said, step);
        said += step;
        size -= step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct client c;
    struct random r;

    if (size < HEAD || size > SAID_MAX) {
        return 0;
    }
    begin();
    random_init(&r, data[1]);
    client_init(&c, &harness.h);
    harness.store.hold_writes = (data[3] & 1) != 0;
    harness.store.hold_reads = (data[3] & 2) != 0;
    harness.store.fail = (data[3] & 12) == 12 ? STORE_NO_SPACE : STORE_OK;
    talk(&c, data + HEAD, size - HEAD, (size_t)data[0] + 1, &r);
    if ((data[3] & 16) != 0) {
        while (harness.store.held_count > 0) {
            release_some(&r);
        }
        client_pump(&c);
        settle();
        assert(!session_is_waiting(&c.session));
    }
    client_fini(&c);
    harness.store.hold_writes = harness.store.hold_reads = false;
    harness.store.fail = STORE_OK;
    settle();
    session_worker_end_watches(&harness.h.worker);
    settle();
    forget_rpc();
    assert(atomic_load(&harness.h.node.durable->memory) == 0);
    return 0;
}
