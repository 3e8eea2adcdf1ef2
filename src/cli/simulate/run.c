/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/simulate/judge.h"
#include "net/timer.h"

#define DRAW_EVERY_NS (CLOCK_NS_PER_S / 10)

enum { KEY_MAX = SIMULATE_PREFIX_MAX + SIMULATE_DEVICE_MAX };

struct simulate_client {
    struct store_call call; /* first */
    struct simulate_run *run;
    struct simulate_client *next_idle;
    bool busy;
    uint64_t at; /* which operation */
    struct simulate_expected expected;
    int64_t start_ns;
    char key[KEY_MAX];
    char value[SIMULATE_IP_MAX];
};

/* --- asking --- */

static struct store_op make_op(struct simulate_client *c) {
    const struct simulate_device *device = &c->expected.operation.device;
    char name[SIMULATE_DEVICE_MAX];
    struct slice key;

    snprintf(c->key, sizeof(c->key), "%s%s", c->run->session->config->prefix,
             simulate_device_text(device->number, name));
    key = slice_from_string(c->key);
    switch (c->expected.operation.kind) {
    case SIMULATE_CREATE:
        return (struct store_op){.kind = STORE_OP_PUT,
                                 .put = {.key = key,
                                         .value = slice_from_string(simulate_ip_text(device->ip, c->value)),
                                         .want_previous = true}};
    case SIMULATE_RETRIEVE:
        return (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = key}}};
    default:
        return (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = key}}};
    }
}

static void on_answer(struct store_call *call);

static void ask(struct simulate_client *c, struct simulate_operation operation) {
    struct simulate_run *run = c->run;

    c->busy = true;
    c->at = run->taken - 1;
    c->expected = (struct simulate_expected){
        .operation = operation,
        .floor = run->tally->revision,
        .created_at = run->created_at[operation.device.number],
    };
    store_call_init(&c->call, on_answer);
    c->call.op = make_op(c);
    c->call.retry_unknown = true;
    c->start_ns = clock_monotonic_ns();
    c->call.deadline_ns = c->start_ns + run->session->config->timeout_ns;
    run->in_flight++;
    etcd_kv_submit(run->session->client, &c->call);
}

static bool is_busy(const struct simulate_run *run, uint32_t device) {
    for (uint64_t i = 0; i < run->client_count && run->in_flight > 0; i++) {
        const struct simulate_client *c = &run->clients[i];

        if (c->busy && c->expected.operation.device.number == device) {
            return true;
        }
    }
    return false;
}

/* Takes the next operation if there is one and nobody is busy with its device. */
static bool take_next(struct simulate_run *run, struct simulate_operation *ret_operation) {
    if (!run->has_next) {
        if (run->taken == run->session->config->iterations) {
            return false;
        }
        run->next = scenario_next(&run->scenario);
        run->taken++;
        run->has_next = true;
    }
    if (is_busy(run, run->next.device.number)) {
        return false;
    }
    run->has_next = false;
    *ret_operation = run->next;
    return true;
}

static void go_on(struct simulate_run *run) {
    struct simulate_operation operation;

    while (run->idle != NULL && take_next(run, &operation)) {
        struct simulate_client *c = run->idle;

        run->idle = c->next_idle;
        ask(c, operation);
    }
    if (run->in_flight == 0) {
        run->over = true;
        session_stop(run->session);
    }
}

/* --- answers --- */

static void judge(struct simulate_client *c, struct buf *why) {
    struct simulate_run *run = c->run;
    struct simulate_tally *tally = run->tally;
    const struct simulate_operation operation = c->expected.operation;

    simulate_tally_answer(tally, operation.kind, clock_monotonic_ns() - c->start_ns, c->call.repeated);
    if (!simulate_judge(&c->expected, &c->call, why)) {
        simulate_tally_wrong(tally, c->at, operation, buf_slice(why));
    }
    if (operation.kind == SIMULATE_CREATE) {
        run->created_at[operation.device.number] = c->call.repeated ? 0 : c->call.revision;
    }
    if (c->call.revision > tally->revision) {
        tally->revision = c->call.revision;
    }
}

static void fail(struct simulate_client *c, struct buf *why) {
    struct simulate_run *run = c->run;

    session_reason(run->session, c->call.status, why);
    simulate_tally_failure(run->tally, c->at, c->expected.operation, c->call.status, buf_slice(why));
    run->over = true;
    session_stop(run->session);
}

static void on_answer(struct store_call *call) {
    struct simulate_client *c = (struct simulate_client *)call;
    struct simulate_run *run = c->run;
    struct buf why;

    if (run->over) {
        /* It is being taken down. */
        store_call_fini(call);
        return;
    }
    buf_init(&why, SIMULATE_WHY_MAX);
    c->busy = false;
    run->in_flight--;
    if (call->status == STORE_OK) {
        judge(c, &why);
    } else {
        fail(c, &why);
    }
    buf_fini(&why);
    store_call_fini(call);
    c->next_idle = run->idle;
    run->idle = c;
    show_step(&run->show, run->tally->done);
    if (!run->over) {
        go_on(run);
    }
}

static void on_time(void *ctx) {
    const struct simulate_run *run = ctx;

    show_draw(&run->show, run->tally->done);
}

/* --- the whole --- */

static bool prepare(struct simulate_run *run, const struct simulate_plan *plan) {
    const struct simulate_config *config = run->session->config;

    run->created_at = calloc(plan->counts[SIMULATE_CREATE] + 1, sizeof(*run->created_at));
    run->clients = calloc(config->clients, sizeof(*run->clients));
    run->timer = timer_new(run->session->loop, on_time, run);
    if (!scenario_init(&run->scenario, config->seed, config->iterations) || run->created_at == NULL ||
        run->clients == NULL || run->timer == NULL) {
        fputs(SIMULATE_PROGRAM ": out of memory; fewer --iterations help\n", stderr);
        return false;
    }
    run->client_count = config->clients;
    for (uint64_t i = 0; i < run->client_count; i++) {
        run->clients[i].run = run;
        run->clients[i].next_idle = run->idle;
        run->idle = &run->clients[i];
    }
    return true;
}

static uint64_t cpu_ns(void) {
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * (uint64_t)CLOCK_NS_PER_S + (uint64_t)cpu.tv_nsec;
}

/* What the client counted before does not belong to the scenario. */
static void take_figures(struct simulate_run *run, const struct etcd_figures *before) {
    const struct etcd_figures *now = etcd_client_figures(run->session->client);
    struct etcd_figures *figures = &run->tally->figures;

    *figures = *now;
    figures->failovers -= before->failovers;
    figures->failover_ns -= before->failover_ns;
    figures->connections_lost -= before->connections_lost;
    figures->retries -= before->retries;
    figures->unknown -= before->unknown;
}

static void execute(struct simulate_run *run) {
    const struct etcd_figures before = *etcd_client_figures(run->session->client);
    struct simulate_tally *tally = run->tally;
    int64_t began_ns = clock_monotonic_ns();

    tally->cpu_ns = cpu_ns();
    timer_start(run->timer, DRAW_EVERY_NS, DRAW_EVERY_NS);
    go_on(run);
    while (!run->over && !run->session->interrupted) {
        session_run(run->session);
    }
    run->over = true;
    tally->elapsed_ns = clock_monotonic_ns() - began_ns;
    tally->cpu_ns = cpu_ns() - tally->cpu_ns;
    take_figures(run, &before);
}

bool simulate_run(struct simulate_run *run, struct session *session, const struct simulate_plan *plan,
                  struct simulate_tally *ret_tally) {
    bool ready;

    *run = (struct simulate_run){.session = session, .tally = ret_tally};
    ready = prepare(run, plan);
    if (ready) {
        show_init(&run->show, session, "simulate", session->config->iterations);
        execute(run);
        show_end(&run->show);
    }
    timer_free(run->timer);
    run->timer = NULL;
    return ready;
}

void simulate_run_fini(struct simulate_run *run) {
    scenario_fini(&run->scenario);
    free(run->created_at);
    free(run->clients);
    run->created_at = NULL;
    run->clients = NULL;
}
