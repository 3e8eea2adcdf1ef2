/* SPDX-License-Identifier: Apache-2.0 */
#include "aimed.h"

#include "trial.h"

#define FOREVER_NS (3600 * SIM_S)
#define SLOW 0.945 /* clocks, by not quite the margin */
#define FAST 1.055

/* --- what goes wrong --- */

static void hold_line(struct trial *trial, size_t from, size_t to, bool letters, int64_t ns) {
    struct line *line = &trial->lines.lines[from][to];

    line->held_until_ns = trial->sim.now_ns + ns;
    line->is_held[0] = letters;
    line->is_held[1] = true;
}

/* Nothing passes between two. */
static void hold(struct trial *trial, size_t a, size_t b, int64_t ns) {
    hold_line(trial, a, b, true, ns);
    hold_line(trial, b, a, true, ns);
}

/* What was held is lost. */
static void mend(struct trial *trial, size_t a, size_t b) {
    lines_break(trial, a, b);
    lines_break(trial, b, a);
}

/* No news of the store's come to a process; what it asks is answered. */
static void deafen(struct trial *trial, size_t process) {
    trial->depot.lag_ns[process] = FOREVER_NS;
}

/* They come again, but for what it missed. */
static void let_hear(struct trial *trial, size_t process) {
    trial->depot.compacted = trial->depot.revision;
    trial->depot.lag_ns[process] = 2 * SIM_MS;
    depot_unwatch(&trial->depot, process);
}

/* --- what is asked --- */

static struct answer ask(struct trial *trial, size_t process, enum op_kind kind, size_t key) {
    struct op op = {.kind = kind, .key = key, .value = ++trial->crowd.values * 1000};

    return crowd_ask_one(&trial->crowd, process, &op);
}

/* What a process owns is deleted or written anew. */
static void change_own(struct trial *trial, size_t process) {
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        if (trial_owns(trial, process, key)) {
            enum op_kind kind = sim_chance(&trial->sim, 50) ? OP_DELETE : OP_SET;
            struct answer answer = ask(trial, process, kind, key);

            ENSURE(outcome_is_of_table(answer.outcome), "key %zu cannot be changed through its owner %zu: %d", key,
                   process, (int)answer.outcome);
        }
    }
}

/* What a process owns, and then the rest, as another owner's answers clear doubt as well. The judge looks at what comes. */
static void get_all(struct trial *trial, size_t process) {
    size_t first = (size_t)sim_between(&trial->sim, 0, RING_TRIAL_KEYS - 1);

    for (size_t i = 0; i < 2 * RING_TRIAL_KEYS; i++) {
        size_t key = (first + i) % RING_TRIAL_KEYS;

        if (trial_owns(trial, process, key) == (i < RING_TRIAL_KEYS)) {
            (void)ask(trial, process, OP_GET, key);
        }
    }
}

/* One node with all keys; another will come. The rates of their clocks, 0: any. */
static void begin(struct trial *trial, uint64_t seed, double rate, double other) {
    uint64_t values[RING_TRIAL_KEYS];

    trial_init(trial, seed, 1);
    trial->nodes[0].wanted_rate = rate;
    trial->nodes[1].wanted_rate = other;
    trial_start(trial);
    trial_run(trial, 100 * SIM_MS);
    trial_set_all(trial, values);
}

/* --- rule 1 --- */

/* An owner of a slow clock hears nothing of a node that takes its keys, whose clock is fast; its record stays. */
void aimed_stale(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        begin(&trial, seed, SLOW, FAST);
        trial_run(&trial, sim_between(&trial.sim, 0, RING_TRIAL_LEASE_NS));
        deafen(&trial, 0);
        hold(&trial, 0, 1, 4 * RING_TRIAL_LEASE_NS);
        trial_join(&trial, 1);
        trial.node_count = 2;
        trial.crowd.pause_ns = 2 * SIM_MS;
        crowd_begin(&trial.crowd);
        trial_run(&trial, (int64_t)((double)RING_TRIAL_LEASE_NS / FAST) - 5 * SIM_MS);
        for (unsigned i = 0; i < 10; i++) { /* at the moment from which on it may be passed over */
            lines_break(&trial, 1, 0);
            trial_run(&trial, 2 * SIM_MS);
        }
        trial_run(&trial, RING_TRIAL_LEASE_NS / 2);
        trial_fini(&trial);
    }
}

/* The owner of some keys stands still between its decision to look for one and the look, while nobody can tell it that he follows.
 * Its record goes, and another one acts for the key. When it goes on, a lease's time is over, and its doubt, but also its
 * authority. */
void aimed_held_up(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        begin(&trial, seed, 0, 0);
        trial_join(&trial, 1);
        node_kill(&trial.nodes[0]);
        hold(&trial, 1, 2, FOREVER_NS);
        trial_join(&trial, 2); /* so the view that has lost the first one comes after one that is not a lease old */
        while (trial.depot.records[0].incarnation != 0) {
            trial_run(&trial, SIM_MS);
        }
        trial_run(&trial, 20 * SIM_MS);
        for (size_t i = 0; i < 3 * RING_TRIAL_KEYS; i++) {
            crowd_ask(&trial.crowd, 1, &(struct op){.kind = OP_GET, .key = i % RING_TRIAL_KEYS});
        }
        trial_run(&trial, 5 * SIM_US);
        node_pause(&trial.nodes[1]);
        while (trial.depot.records[1].incarnation != 0) {
            trial_run(&trial, SIM_MS);
        }
        trial_run(&trial, sim_between(&trial.sim, RING_TRIAL_LEASE_NS / 4, RING_TRIAL_LEASE_NS));
        change_own(&trial, 2);
        node_resume(&trial.nodes[1]);
        trial_run(&trial, RING_TRIAL_TIMEOUT_NS);
        trial_fini(&trial);
    }
}

/* --- rule 4 --- */

/* The previous owner is cut off from its heir, and lives. The heir waits for one lease, no longer; what was done since is not
 * undone by what the other still has, once it can be reached, and the membership is another one. */
void aimed_unreachable(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        begin(&trial, seed, 0, 0);
        hold(&trial, 0, 1, FOREVER_NS);
        trial_join(&trial, 1);
        trial_run(&trial, RING_TRIAL_LEASE_NS + RING_TRIAL_LEASE_NS / 10);
        change_own(&trial, 1);
        mend(&trial, 0, 1);
        trial_run(&trial, sim_between(&trial.sim, 10 * SIM_MS, RING_TRIAL_LEASE_NS / 2));
        trial_join(&trial, 2);
        get_all(&trial, 1);
        get_all(&trial, 2);
        trial_fini(&trial);
    }
}

/* What the previous owner gave comes after it was passed over, for its silence about another key, and the keys were deleted. */
static void answer_late(struct trial *trial) {
    size_t silent = RING_TRIAL_KEYS;

    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        if (trial_owns(trial, 1, key)) {
            crowd_ask(&trial->crowd, 1, &(struct op){.kind = OP_GET, .key = key});
            trial_run(trial, silent == RING_TRIAL_KEYS ? 200 * SIM_MS : 0);
            silent = silent == RING_TRIAL_KEYS ? key : silent;
        }
    }
    trial_run(trial, 110 * SIM_MS); /* a flight takes no more than 300 ms */
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        if (trial_owns(trial, 1, key) && key != silent) {
            (void)ask(trial, 1, OP_DELETE, key);
        }
    }
    trial_run(trial, 200 * SIM_MS);
}

void aimed_late_answers(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        begin(&trial, seed, 1, 1);
        trial_join(&trial, 1);
        trial_run(&trial, RING_TRIAL_LEASE_NS - sim_between(&trial.sim, 0, 200 * SIM_MS));
        hold_line(&trial, 1, 0, false, sim_between(&trial.sim, 320 * SIM_MS, 490 * SIM_MS));
        answer_late(&trial);
        get_all(&trial, 1);
        trial_fini(&trial);
    }
}

/* --- rule 3 --- */

enum { MOVED_STEPS = 200, MOVED_GROUP = 0 };

/* Keys of one group are handed over and deleted, while purges of the other make a view after another. */
static void hand_over_while_views_change(struct trial *trial) {
    struct sim *sim = &trial->sim;

    for (unsigned step = 0; step < MOVED_STEPS; step++) {
        struct op op = {.kind = sim_chance(sim, 60) ? OP_GET : OP_DELETE,
                        .key = (size_t)sim_between(sim, 0, RING_TRIAL_KEYS - 1)};

        if (sim_chance(sim, 15)) {
            op = (struct op){.kind = OP_PURGE, .group = !MOVED_GROUP};
        } else if (layout_group(op.key) != MOVED_GROUP || !trial_owns(trial, 1, op.key)) {
            continue;
        }
        crowd_ask(&trial->crowd, 1, &op);
        trial_run(trial, sim_between(sim, 0, SIM_MS));
    }
    trial_run(trial, RING_TRIAL_TIMEOUT_NS);
    get_all(trial, 1);
}

void aimed_moved(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        for (uint64_t run = 0; run < 25; run++) {
            struct trial trial;

            begin(&trial, 25 * seed + run, 0, 0);
            trial_join(&trial, 1);
            hand_over_while_views_change(&trial);
            trial_fini(&trial);
        }
    }
}

/* --- rule 5, and what clears doubt --- */

/* A node hears nothing for so long that a third one takes some of its keys, changes them and dies. The first node still has
 * what nobody asked it for. */
void aimed_missed(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        begin(&trial, seed, 0, 0);
        trial_join(&trial, 1);
        trial_run(&trial, RING_TRIAL_HANDOFF_NS + RING_TRIAL_HANDOFF_NS / 10);
        change_own(&trial, 1);
        deafen(&trial, 1);
        hold(&trial, 1, 0, FOREVER_NS);
        hold(&trial, 1, 2, FOREVER_NS);
        trial_join(&trial, 2);
        trial_run(&trial, RING_TRIAL_LEASE_NS + RING_TRIAL_LEASE_NS / 10);
        change_own(&trial, 2);
        node_kill(&trial.nodes[2]);
        trial_run(&trial, RING_TRIAL_LEASE_NS + RING_TRIAL_LEASE_NS / 10);
        let_hear(&trial, 1);
        mend(&trial, 0, 1);
        trial_run(&trial, 300 * SIM_MS);
        get_all(&trial, 1);
        trial_fini(&trial);
    }
}

static void purge(struct trial *trial, unsigned group, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        struct op op = {.kind = OP_PURGE, .group = group};

        ENSURE(crowd_ask_one(&trial->crowd, 0, &op).outcome == OUTCOME_YES, "a purge has not ended");
    }
}

/* Keys are purged and left alone until the eras they were written in come again; nobody sweeps. */
void aimed_old_eras(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;
        int64_t before, after;

        begin(&trial, seed, 0, 0);
        trial.sweep_permille = 0;
        before = sim_between(&trial.sim, 1, 100);
        after = KEEPER_ERAS - 1 - before + sim_between(&trial.sim, 0, before);
        purge(&trial, 1, before);
        purge(&trial, 0, 1);
        purge(&trial, 1, after);
        get_all(&trial, 0);
        trial_fini(&trial);
    }
}
