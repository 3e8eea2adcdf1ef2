/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/etcd/etcd.h"

/* Who may have a question under way. The queue and the cluster are the test's own. */

static struct {
    struct rpc_node node;
    struct cmd_context context;
    struct rpc_worker worker;
    struct etcd_facts facts;
    struct pending *desks[RPC_PERMIT_CALLERS_MAX + 1];
    size_t desk_count;
    struct rpc_task tasks[RPC_PERMIT_CALLERS_MAX + 2];
    struct permit_ask asks[RPC_PERMIT_CALLERS_MAX + 2];
    char tokens[RPC_PERMIT_CALLERS_MAX + 2][16];
    unsigned answers; /* that came at once */
} world;

const struct etcd_facts *etcd_store_facts(const struct store *s) {
    (void)s;
    return &world.facts;
}

void pending_init(struct pending *p, struct pending_queue *queue, struct store *store,
                  enum pending_next (*step)(struct pending *p), void (*free)(struct pending *p)) {
    (void)queue;
    (void)store;
    p->step = step;
    p->free = free;
    assert_true(world.desk_count <= RPC_PERMIT_CALLERS_MAX);
    world.desks[world.desk_count++] = p;
}

void pending_post(struct pending *p) {
    (void)p;
}

void pending_renew_call(struct pending *p) {
    p->call.result = (struct store_result){0};
}

enum etcd_error rpc_error_of(enum store_status status) {
    return status == STORE_OK ? ETCD_OK : ETCD_ERROR_NO_LEADER;
}

static enum pending_next on_answer(struct rpc_task *task) {
    (void)task;
    world.answers++;
    return PENDING_DONE;
}

/* The task at that place asks, with a token of its own unless `token` says which. */
static enum pending_next ask(size_t place, const char *token) {
    static const struct store_span span = {.key = {"key", 3}};
    struct rpc_task *task = &world.tasks[place];

    snprintf(world.tokens[place], sizeof(world.tokens[place]), "token %zu", place);
    task->worker = &world.worker;
    task->token = slice_from_string(token != NULL ? token : world.tokens[place]);
    return rpc_permit_ask(task, &world.asks[place], &span, clock_monotonic_ns(), on_answer);
}

/* The cluster answers the question of a desk, and nobody waits there any more. */
static void serve(size_t place) {
    struct pending *p = world.desks[place];

    assert_int_equal(p->step(p), PENDING_CALL);
    p->call.status = STORE_OK;
    assert_int_equal(p->step(p), PENDING_DONE);
    p->free(p);
}

static void callers_have_a_ceiling(void **state) {
    const size_t more = RPC_PERMIT_CALLERS_MAX;

    (void)state;
    atomic_init(&world.facts.open_ns, INT64_MIN);
    world.worker.node = &world.node;
    world.worker.context = &world.context;
    for (size_t i = 0; i < RPC_PERMIT_CALLERS_MAX; i++) {
        assert_int_equal(ask(i, NULL), PENDING_WAIT);
    }
    assert_int_equal(ask(more, NULL), PENDING_DONE);
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.asks[more].error, ETCD_ERROR_TOO_MANY_REQUESTS);
    assert_int_equal(world.desk_count, RPC_PERMIT_CALLERS_MAX);
    assert_int_equal(ask(more, "token 1"), PENDING_WAIT); /* who waits already may go on asking */
    serve(0);
    assert_int_equal(ask(more + 1, NULL), PENDING_WAIT);
    for (size_t i = 1; i <= RPC_PERMIT_CALLERS_MAX; i++) {
        serve(i);
    }
    assert_int_equal(world.asks[more].error, ETCD_OK);
    assert_int_equal(world.answers, 1);
    rpc_permit_free(world.worker.permits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_have_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
