/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

/* Who leads, and who can be reached. A member notices that it hears nothing of its leader after an election's time, 1 to
 * 2 s; then those that are left elect one. */
#define NOTICE_NS SIM_S
#define ELECTION_NS (300 * SIM_MS)
#define HEARTBEAT_NS (100 * SIM_MS)
#define GOODBYE_NS (50 * SIM_MS)

static bool is_up(const struct member *member) {
    return member->is_alive && !member->is_paused && !member->is_isolated;
}

static bool has_majority(const struct cluster *cluster) {
    size_t up = 0;

    for (size_t i = 0; i < cluster->count; i++) {
        up += is_up(cluster->members[i]);
    }
    return up > cluster->count / 2;
}

bool cluster_is_able(const struct cluster *cluster) {
    return cluster->leader != CLUSTER_NO_LEADER && has_majority(cluster);
}

bool cluster_reaches_leader(const struct cluster *cluster, const struct member *member) {
    return cluster->leader != CLUSTER_NO_LEADER && !member->is_isolated;
}

static void update(struct cluster *cluster);

/* --- what a member thinks --- */

static void notice(void *ctx) {
    struct member *member = ctx;
    bool there = cluster_is_able(member->cluster) && !member->is_isolated;

    member->noticing = NULL;
    if (!member->is_alive || member->is_paused || member->has_leader == there) {
        return;
    }
    member->has_leader = there;
    if (there) {
        net_host_set_paused(member->host, false);
        member_apply_soon(member);
    } else {
        member_lost_leader(member);
    }
}

static void notice_soon(struct member *member) {
    struct sim *sim = member->cluster->sim;
    bool there = cluster_is_able(member->cluster) && !member->is_isolated;

    if (!member->is_alive || there == member->has_leader) {
        sim_cancel(sim, member->noticing);
        member->noticing = NULL;
    } else if (member->noticing == NULL) {
        int64_t delay = there ? sim_between(sim, 0, HEARTBEAT_NS) : sim_between(sim, NOTICE_NS, 2 * NOTICE_NS);

        member->noticing = sim_after(sim, delay, notice, member);
    }
}

/* --- elections --- */

static void take_lingering(struct cluster *cluster) {
    while (cluster->lingering != NULL) {
        struct round *round = cluster->lingering;

        cluster->lingering = round->waiting_next;
        if (sim_chance(cluster->sim, 50)) {
            round_take(round);
        } else {
            round_drop(round);
        }
    }
}

static void elect(void *ctx) {
    struct cluster *cluster = ctx;
    size_t place = random_below(&cluster->sim->random, cluster->count);

    cluster->election = NULL;
    if (cluster->leader != CLUSTER_NO_LEADER || !has_majority(cluster)) {
        return;
    }
    while (!is_up(cluster->members[place])) {
        place = (place + 1) % cluster->count;
    }
    cluster->leader = (int)place;
    cluster->term++;
    for (size_t i = 0; i < cluster->mvcc.lease_count; i++) {
        struct mvcc_lease *lease = &cluster->mvcc.leases[i];

        lease->end_ns = cluster->sim->now_ns + lease->ttl * SIM_S;
    }
    take_lingering(cluster);
    update(cluster);
}

/* After each change of who can be reached. */
static void update(struct cluster *cluster) {
    struct sim *sim = cluster->sim;

    if (cluster->leader != CLUSTER_NO_LEADER && !is_up(cluster->members[cluster->leader])) {
        cluster->leader = CLUSTER_NO_LEADER;
    }
    if (cluster->leader == CLUSTER_NO_LEADER && cluster->election == NULL && has_majority(cluster)) {
        cluster->election = sim_after(sim, 2 * NOTICE_NS + sim_between(sim, 1, ELECTION_NS), elect, cluster);
    }
    if (cluster_is_able(cluster)) {
        take_lingering(cluster);
    }
    for (size_t i = 0; i < cluster->count; i++) {
        notice_soon(cluster->members[i]);
        member_apply_soon(cluster->members[i]);
    }
}

/* --- faults --- */

void cluster_kill(struct cluster *cluster, size_t place) {
    if (cluster->members[place]->is_alive) {
        member_end(cluster->members[place]);
        update(cluster);
    }
}

static void stop_now(void *ctx) {
    struct member *member = ctx;

    member->stopping = NULL;
    cluster_kill(member->cluster, member->place);
}

void cluster_stop(struct cluster *cluster, size_t place) {
    struct member *member = cluster->members[place];

    if (member->is_alive && !member->is_paused && member->stopping == NULL) {
        member_say_goodbye(member);
        member->stopping = sim_after(cluster->sim, GOODBYE_NS, stop_now, member);
    }
}

/* It listens at once, and answers when it has found its leader. */
void cluster_restart(struct cluster *cluster, size_t place) {
    struct member *member = cluster->members[place];

    if (!member->is_alive) {
        member->is_alive = true;
        member->has_leader = false;
        net_host_listen(member->host, &member_server, member);
        net_host_set_paused(member->host, true);
        update(cluster);
    }
}

void cluster_pause(struct cluster *cluster, size_t place) {
    struct member *member = cluster->members[place];

    if (member->is_alive && !member->is_paused) {
        member->is_paused = true;
        net_host_set_paused(member->host, true);
        update(cluster);
    }
}

void cluster_resume(struct cluster *cluster, size_t place) {
    struct member *member = cluster->members[place];

    if (member->is_paused) {
        member->is_paused = false;
        net_host_set_paused(member->host, false);
        member_resume_tasks(member);
        update(cluster);
    }
}

void cluster_isolate(struct cluster *cluster, size_t place) {
    cluster->members[place]->is_isolated = true;
    update(cluster);
}

void cluster_rejoin(struct cluster *cluster, size_t place) {
    cluster->members[place]->is_isolated = false;
    update(cluster);
}

void cluster_depose(struct cluster *cluster) {
    cluster->leader = CLUSTER_NO_LEADER;
    update(cluster);
}

void cluster_heal(struct cluster *cluster) {
    for (size_t i = 0; i < cluster->count; i++) {
        net_host_set_cut(cluster_host(cluster, i), false);
        cluster_rejoin(cluster, i);
        cluster_resume(cluster, i);
        cluster_restart(cluster, i);
    }
}
