/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The list of members, kept by leases, and the purges. */

static void changed(struct world *world) {
    world->view.serial++;
    world->view.digest++;
}

static void tick(void *ctx) {
    struct world *world = ctx;

    for (int i = 0; i < NODES; i++) {
        if (world->view.members[i] != 0 && world->sim.now_ns - world->seen_ns[i] >= LEASE_NS) {
            world->view.members[i] = 0;
            changed(world);
        }
    }
    if (world->has_clients || world->begun == 0 || world->begun != world->ended) {
        (void)sim_after(&world->sim, 5 * SIM_MS, tick, world);
    }
}

void store_start(struct world *world) {
    world->view.serial = world->view.digest = 1;
    (void)sim_after(&world->sim, 0, tick, world);
}

/* A purge has answered once each member has said that he has applied it. */
static void look_at_purges(struct world *world) {
    int64_t least = world->view.purges;

    for (int i = 0; i < NODES; i++) {
        if (world->view.members[i] != 0 && world->told[i] < least) {
            least = world->told[i];
        }
    }
    if (least == world->view.purges) {
        truth_acked(world, least);
    }
}

void store_receive(struct world *world, const struct message *message) {
    struct message reply = *message;
    int from = message->from;

    if (message->from_member > world->newest_member[from]) {
        world->newest_member[from] = world->view.members[from] = message->from_member;
        world->told[from] = 0;
        changed(world);
    }
    if (message->from_member == world->view.members[from]) {
        world->seen_ns[from] = world->sim.now_ns;
        if (world->told[from] < message->view.purges) {
            world->told[from] = message->view.purges;
        }
        look_at_purges(world);
    }
    reply.kind = MESSAGE_VIEW;
    reply.from = STORE;
    reply.to = from;
    reply.view = world->view;
    world_send(world, &reply);
}

void store_purge(struct world *world) {
    world->view.purges++;
    world->view.serial++;
}

/* As a ring: by the highest score. */
int view_owner(const struct view *view, size_t key) {
    uint64_t best = 0;
    int owner = NOBODY;

    for (int i = 0; i < NODES; i++) {
        uint64_t score = (key * 31 + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15);

        score ^= score >> 29;
        score *= UINT64_C(0xbf58476d1ce4e5b9);
        if (view->members[i] != 0 && (owner == NOBODY || score > best)) {
            best = score;
            owner = i;
        }
    }
    return owner;
}
