/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "driver.h"

/* Operation n of a seed depends on nothing but the two, so that a run can go on where another ended: out of ten, seven
 * are puts, two are transactions that put the same value to both keys of a pair, one is a delete. A value names its
 * operation and its key and is filled up to its length with what follows from n, so that a torn or a foreign one shows. */
enum { KEYS = 200, PAIRS = 40, KEY_MAX = 24, VALUE_MAX = 3000, HEAD_MAX = 64, LINE_MAX = 64 };

enum kind { KIND_PUT, KIND_PAIR, KIND_DELETE };

struct step {
    enum kind kind;
    char keys[2][KEY_MAX];
    char value[VALUE_MAX + 1];
};

static void step_make(const struct load *load, int64_t n, struct step *ret_step) {
    struct random random;
    uint64_t draw;
    size_t size;
    int head;

    random_init(&random, load->seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)n);
    draw = random_below(&random, 10);
    ret_step->kind = draw < 7 ? KIND_PUT : draw < 9 ? KIND_PAIR : KIND_DELETE;
    if (ret_step->kind == KIND_PAIR) {
        uint64_t pair = random_below(&random, PAIRS);

        snprintf(ret_step->keys[0], KEY_MAX, "pair-%02" PRIu64 "-a", pair);
        snprintf(ret_step->keys[1], KEY_MAX, "pair-%02" PRIu64 "-b", pair);
    } else {
        snprintf(ret_step->keys[0], KEY_MAX, "key-%03" PRIu64, random_below(&random, KEYS));
    }
    head = snprintf(ret_step->value, HEAD_MAX, "%" PRIu64 ":%" PRId64 ":", load->seed, n);
    size = (size_t)head + random_below(&random, VALUE_MAX - HEAD_MAX);
    memset(ret_step->value + head, 'a' + (int)(n % 26), size - (size_t)head);
    ret_step->value[size] = '\0';
}

/* --- saying what there would be --- */

int load_plan(const struct load *load) {
    struct step step;

    for (int64_t n = load->first; n < load->first + load->count; n++) {
        step_make(load, n, &step);
        if (step.kind == KIND_PUT) {
            printf("{\"n\": %" PRId64 ", \"put\": [[\"%s\", \"%s\"]], \"delete\": []}\n", n, step.keys[0], step.value);
        } else if (step.kind == KIND_PAIR) {
            printf("{\"n\": %" PRId64 ", \"put\": [[\"%s\", \"%s\"], [\"%s\", \"%s\"]], \"delete\": []}\n", n,
                   step.keys[0], step.value, step.keys[1], step.value);
        } else {
            printf("{\"n\": %" PRId64 ", \"put\": [], \"delete\": [\"%s\"]}\n", n, step.keys[0]);
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* --- doing it --- */

struct flight {
    struct store_call call; /* first, for done() */
    struct step step;
    struct store_op pair[2];
    int64_t n;
    sem_t free;
    atomic_bool *broken;
};

static void done(struct store_call *call) {
    struct flight *f = (struct flight *)call;
    char line[LINE_MAX];
    int size;

    if (call->status == STORE_OK) {
        size = snprintf(line, sizeof(line), "ack %" PRId64 " %" PRId64 "\n", f->n, call->revision);
    } else {
        size = snprintf(line, sizeof(line), "fail %" PRId64 " %s\n", f->n, answer_status_name(call->status));
    }
    if (write(STDOUT_FILENO, line, (size_t)size) != size) {
        atomic_store(f->broken, true);
    }
    sem_post(&f->free);
}

static struct store_op put_op(const char *key, const char *value) {
    return (struct store_op){
        .kind = STORE_OP_PUT,
        .put = {.key = slice_from_string(key), .value = slice_from_string(value)},
    };
}

static void flight_begin(struct store *s, struct flight *f) {
    store_call_init(&f->call, done);
    switch (f->step.kind) {
    case KIND_PUT:
        f->call.op = put_op(f->step.keys[0], f->step.value);
        break;
    case KIND_PAIR:
        f->pair[0] = put_op(f->step.keys[0], f->step.value);
        f->pair[1] = put_op(f->step.keys[1], f->step.value);
        f->call.op = (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = f->pair, .success_count = 2}};
        break;
    case KIND_DELETE:
        f->call.op = (struct store_op){
            .kind = STORE_OP_DELETE,
            .delete = {.span = {.key = slice_from_string(f->step.keys[0])}},
        };
        break;
    }
    store_submit(s, &f->call);
}

int load_run(struct store *s, const struct load *load) {
    static struct flight flights[LOAD_IN_FLIGHT_MAX];
    static atomic_bool broken;

    for (size_t i = 0; i < load->in_flight; i++) {
        sem_init(&flights[i].free, 0, 1);
    }
    for (int64_t i = 0; i < load->count && !atomic_load(&broken); i++) {
        struct flight *f = &flights[(size_t)i % load->in_flight];

        sem_wait(&f->free);
        store_call_fini(&f->call);
        f->n = load->first + i;
        f->broken = &broken;
        step_make(load, f->n, &f->step);
        flight_begin(s, f);
    }
    for (size_t i = 0; i < load->in_flight; i++) {
        sem_wait(&flights[i].free);
        store_call_fini(&flights[i].call);
    }
    dprintf(STDOUT_FILENO, "done %" PRId64 "\n", store_revision(s));
    return atomic_load(&broken) ? 1 : 0;
}
