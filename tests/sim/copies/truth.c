/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* Versions of a key rise in the order in which changes were made. What somebody has been told of, by an acknowledgement or an
 * answer, is the floor for all who ask afterwards. */

uint64_t truth_version(struct world *world, size_t key, int64_t expires_ns) {
    uint64_t version = ++world->versions[key];

    seeds_trace(&world->sim, "key %zu: version %llu", key, (unsigned long long)version);
    world->expires[key] = realloc(world->expires[key], (version + 1) * sizeof(int64_t));
    sim_must(world->expires[key] != NULL);
    world->expires[key][version] = expires_ns;
    return version;
}

static void raise_floor(struct world *world, size_t key, uint64_t version) {
    if (world->floor[key] < version) {
        world->floor[key] = version;
    }
}

void truth_answer(struct world *world, struct op *op, enum outcome outcome, uint64_t version) {
    world->ended++;
    seeds_trace(&world->sim, "request %llu for key %zu, begun at %.6f: outcome %d, version %llu",
                (unsigned long long)op->id, op->key, (double)(op->began_ns % (3600 * SIM_S)) / 1e9, (int)outcome,
                (unsigned long long)version);
    ENSURE(!world->is_calm || world->sim.now_ns - op->began_ns < COPY_LEASE_NS / 2, "a request took %lld ns",
           (long long)(world->sim.now_ns - op->began_ns));
    switch (outcome) {
    case OUTCOME_HIT:
        ENSURE(version >= op->floor, "key %zu: version %llu was answered, %llu was known before", op->key,
               (unsigned long long)version, (unsigned long long)op->floor);
        ENSURE(op->began_ns <= world->expires[op->key][version] + CLOCK_STEP_NS, "key %zu: version %llu had expired",
               op->key, (unsigned long long)version);
        raise_floor(world, op->key, version);
        break;
    case OUTCOME_DONE:
        raise_floor(world, op->key, version);
        break;
    case OUTCOME_FAILED:
        world->failed++;
        break;
    case OUTCOME_MISS:
        break;
    }
}

void truth_acked(struct world *world, int64_t purge) {
    if (world->purge_acked < purge) {
        world->purge_acked = purge;
        for (size_t key = 0; key < KEYS; key++) {
            raise_floor(world, key, world->purged[key]);
        }
    }
}
