/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

/* How long a member waits for the others (etcd: 5 s and twice the time of an election), and asks for a read again. */
#define REQUEST_NS (7 * SIM_S)
#define READ_AGAIN_NS (500 * SIM_MS)
#define HOP_NS (200 * SIM_US)

static void free_round(struct round *round) {
    sim_cancel(round->cluster->sim, round->event);
    *round->previous = round->next;
    if (round->next != NULL) {
        round->next->previous = round->previous;
    }
    call_drop(round->call);
    free(round);
}

void round_drop(struct round *round) {
    if (--round->refs == 0) {
        free_round(round);
    }
}

void round_end(struct round *round) {
    if (!round->is_over) {
        round->is_over = true;
        round->done(round);
    }
}

/* --- with the leader --- */

static bool is_here(const struct round *round) {
    return round->member->boot == round->boot && round->member->is_alive;
}

/* It goes on at the member once that has applied enough. */
static void wait(struct round *round) {
    if (is_here(round)) {
        round->waiting_next = round->member->waiting;
        round->member->waiting = round;
        member_apply_soon(round->member);
    } else {
        round_drop(round);
    }
}

static void keep_alive(struct round *round) {
    struct mvcc_lease *lease = mvcc_lease(&round->cluster->mvcc, round->op.lease.id);

    round->result = (struct store_result){.kind = round->op.kind, .lease = round->op.lease.id, .ttl = -1};
    if (lease != NULL) {
        int64_t now = round->cluster->sim->now_ns;

        if (round->op.kind == STORE_OP_LEASE_KEEP_ALIVE) {
            lease->end_ns = now + lease->ttl * SIM_S;
        }
        round->result.granted_ttl = lease->ttl;
        round->result.ttl = lease->end_ns > now ? (lease->end_ns - now) / SIM_S : 0;
    }
}

void round_take(struct round *round) {
    struct cluster *cluster = round->cluster;

    round->index = cluster->log_count - 1;
    switch (round->op.kind) {
    case STORE_OP_RANGE:
    case STORE_OP_LEASE_LIST:
    case STORE_OP_NONE:
        break;
    case STORE_OP_LEASE_KEEP_ALIVE:
    case STORE_OP_LEASE_TTL:
        keep_alive(round);
        round->index = 0;
        break;
    case STORE_OP_TXN:
        if (!mvcc_may_change(&round->op)) {
            break;
        }
        /* fallthrough */
    default:
        round->error =
            mvcc_apply(&cluster->mvcc, &round->op, cluster->sim->now_ns, &round->call->arena, &round->result);
        cluster_agreed(cluster);
        round->index = cluster->log_count - 1;
        break;
    }
    wait(round);
}

static bool is_change(const struct round *round) {
    switch (round->op.kind) {
    case STORE_OP_PUT:
    case STORE_OP_DELETE:
    case STORE_OP_COMPACT:
    case STORE_OP_LEASE_GRANT:
    case STORE_OP_LEASE_REVOKE:
        return true;
    case STORE_OP_TXN:
        return mvcc_may_change(&round->op);
    default:
        return false;
    }
}

/* A change that finds nobody is lost, or done later, maybe long after its member has said that it took too long. */
static void arrive(void *ctx) {
    struct round *round = ctx;
    struct cluster *cluster = round->cluster;

    round->event = NULL;
    if (cluster_is_able(cluster) && cluster_reaches_leader(cluster, round->member)) {
        round_take(round);
    } else if (is_change(round)) {
        round->waiting_next = cluster->lingering;
        cluster->lingering = round;
    } else if (is_here(round) && !round->is_over) {
        round->event = sim_after(cluster->sim, READ_AGAIN_NS, arrive, round);
    } else {
        round_drop(round);
    }
}

static void timed_out(void *ctx) {
    struct round *round = ctx;

    if (!round->is_over) {
        round->error = ETCD_ERROR_TIMEOUT;
        round_end(round);
    }
    round_drop(round);
}

static void forget(void *ctx) {
    round_drop(ctx);
}

void round_begin(struct call *call, const struct store_op *op, void (*done)(struct round *round)) {
    struct cluster *cluster = call->member->cluster;
    struct round *round = sim_new(sizeof(*round));
    int64_t delay = sim_between(cluster->sim, HOP_NS / 2, HOP_NS) + sim_between(cluster->sim, 0, cluster->commit_ns);

    *round = (struct round){.cluster = cluster,
                            .member = call->member,
                            .boot = call->member->boot,
                            .call = call_hold(call),
                            .op = *op,
                            .refs = 2,
                            .done = done,
                            .next = cluster->rounds,
                            .previous = &cluster->rounds};
    if (cluster->rounds != NULL) {
        cluster->rounds->previous = &round->next;
    }
    cluster->rounds = round;
    round->event = sim_after(cluster->sim, delay, arrive, round);
    member_after(round->member, REQUEST_NS, timed_out, forget, round);
}
