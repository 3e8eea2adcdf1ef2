/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include "connection.h"

#define APPLY_NS (300 * SIM_US)
#define STREAMS_END_NS (2 * SIM_S) /* after a member has noticed that it has no leader */
#define ID_FIRST UINT64_C(0x8e9e05c52164694d)

struct member *member_new(struct cluster *cluster, struct net_host *host, size_t place) {
    struct member *member = sim_new(sizeof(*member));

    *member = (struct member){.cluster = cluster,
                              .host = host,
                              .place = place,
                              .id = ID_FIRST + cluster->id + place,
                              .is_alive = true,
                              .has_leader = true};
    net_host_listen(host, &member_server, member);
    return member;
}

int64_t member_revision(const struct member *member) {
    return member->cluster->log[member->applied];
}

/* --- tasks --- */

struct task {
    struct member *member;
    struct sim_event *event; /* NULL: it waits for the process to go on */
    void (*run)(void *ctx);
    void (*drop)(void *ctx);
    void *ctx;
    struct task *next;
    struct task **previous;
};

static void unlink_task(struct task *task) {
    *task->previous = task->next;
    if (task->next != NULL) {
        task->next->previous = task->previous;
    }
}

static void run_task(void *ctx) {
    struct task *task = ctx;

    task->event = NULL;
    if (!task->member->is_paused) {
        unlink_task(task);
        task->run(task->ctx);
        free(task);
    }
}

void member_after(struct member *member, int64_t delay_ns, void (*run)(void *ctx), void (*drop)(void *ctx), void *ctx) {
    struct task *task = sim_new(sizeof(*task));

    *task = (struct task){
        .member = member, .run = run, .drop = drop, .ctx = ctx, .next = member->tasks, .previous = &member->tasks};
    if (member->tasks != NULL) {
        member->tasks->previous = &task->next;
    }
    member->tasks = task;
    task->event = sim_after(member->cluster->sim, delay_ns, run_task, task);
}

void member_resume_tasks(struct member *member) {
    for (struct task *task = member->tasks; task != NULL; task = task->next) {
        if (task->event == NULL) {
            task->event = sim_after(member->cluster->sim, 0, run_task, task);
        }
    }
}

static void drop_tasks(struct member *member) {
    while (member->tasks != NULL) {
        struct task *task = member->tasks;

        unlink_task(task);
        sim_cancel(member->cluster->sim, task->event);
        task->drop(task->ctx);
        free(task);
    }
}

/* --- applying --- */

/* What waited for the entries up to here. */
static void end_waiting(struct member *member) {
    struct round **place = &member->waiting;
    struct round *ready = NULL;

    while (*place != NULL) {
        struct round *round = *place;

        if (round->index <= member->applied) {
            *place = round->waiting_next;
            round->waiting_next = ready;
            ready = round;
        } else {
            place = &round->waiting_next;
        }
    }
    while (ready != NULL) {
        struct round *round = ready;

        ready = round->waiting_next;
        round_end(round);
        round_drop(round);
    }
}

static void flush_watches(struct member *member) {
    for (struct connection *c = member->connections; c != NULL; c = c->next) {
        for (struct call *call = c->calls; call != NULL; call = call->next) {
            if (call->method->id == ETCD_METHOD_WATCH) {
                member_watch_flush(call);
            }
        }
    }
}

static bool is_behind(const struct member *member) {
    return member->applied + 1 < member->cluster->log_count && !member->is_isolated;
}

static void apply(void *ctx) {
    struct member *member = ctx;
    struct sim *sim = member->cluster->sim;

    member->applying = NULL;
    if (member->is_paused) {
        return;
    }
    if (is_behind(member)) {
        member->applied += (size_t)sim_between(sim, 1, (int64_t)(member->cluster->log_count - 1 - member->applied));
        flush_watches(member);
    }
    end_waiting(member);
    if (is_behind(member)) {
        member_apply_soon(member);
    }
}

void member_apply_soon(struct member *member) {
    struct sim *sim = member->cluster->sim;
    const struct cluster *cluster = member->cluster;
    bool late = cluster->lag_percent > 0 && sim_chance(sim, cluster->lag_percent);

    if (member->is_alive && member->applying == NULL) {
        member->applying = sim_after(sim, sim_between(sim, 0, late ? cluster->lag_ns : APPLY_NS), apply, member);
    }
}

/* --- its end, and that of its leader --- */

static void cancel(struct member *member, struct sim_event **event) {
    sim_cancel(member->cluster->sim, *event);
    *event = NULL;
}

void member_end(struct member *member) {
    if (!member->is_alive) {
        return;
    }
    member->is_alive = false;
    member->is_paused = false;
    member->has_leader = false;
    member->boot++;
    cancel(member, &member->applying);
    cancel(member, &member->noticing);
    cancel(member, &member->stopping);
    net_host_kill(member->host);
    while (member->connections != NULL) {
        connection_free(member->connections);
    }
    drop_tasks(member);
    while (member->waiting != NULL) {
        struct round *round = member->waiting;

        member->waiting = round->waiting_next;
        round_drop(round);
    }
    for (size_t i = 0; i < member->cluster->token_count; i++) {
        member->cluster->tokens[i].members &= ~(1U << member->place);
    }
}

void member_free(struct member *member) {
    member_end(member);
    free(member);
}

static void end_streams(void *ctx) {
    struct member *member = ctx;

    for (struct connection *c = member->connections; c != NULL; c = c->next) {
        for (struct call *call = c->calls; call != NULL; call = call->next) {
            if (call->method->server_streams && !member->has_leader) {
                call_finish(call, ETCD_ERROR_NO_LEADER);
            }
        }
    }
}

static void nothing(void *ctx) {
    (void)ctx;
}

void member_lost_leader(struct member *member) {
    struct cluster *cluster = member->cluster;

    for (struct round *round = cluster->rounds; round != NULL; round = round->next) {
        if (round->member == member && round->boot == member->boot && round->op.kind == STORE_OP_RANGE &&
            !round->is_over && sim_chance(cluster->sim, 50)) {
            round->error = ETCD_ERROR_LEADER_CHANGED;
            round_end(round);
        }
    }
    member_after(member, STREAMS_END_NS, end_streams, nothing, member);
}

void member_say_goodbye(struct member *member) {
    member->host->refuses = true;
    for (struct connection *c = member->connections; c != NULL; c = c->next) {
        grpc_server_drain(c->server);
        connection_flush_soon(c);
    }
}
