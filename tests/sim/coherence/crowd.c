/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"
#include "trial.h"

enum { BURST_MOST = 6, LATE_MS = 20 };

static struct sim *sim_of(struct crowd *crowd) {
    return &crowd->trial->sim;
}

/* --- a call --- */

static void done(struct store_call *call) {
    struct ask *ask = (struct ask *)call;
    struct crowd *crowd = &ask->trial->crowd;
    struct ask **place = &crowd->open;

    ENSURE(!ask->is_done, "it ends twice");
    ask->is_done = true;
    while (*place != ask) {
        place = &(*place)->next;
    }
    *place = ask->next;
    ask->next = crowd->over;
    crowd->over = ask;
    crowd->open_count--;
    judge(ask);
    if (call->status == STORE_OK) {
        crowd->answered++;
        crowd->from_memory += call->from_memory;
        crowd->tried += ask->by_try;
    } else if (call->status != STORE_LEASE_NOT_FOUND) {
        crowd->failed++;
    }
    arena_fini(&call->arena);
}

struct ask *ask_new(struct crowd *crowd) {
    struct ask *ask = sim_new(sizeof(*ask));

    store_call_init(&ask->call, done);
    ask->trial = crowd->trial;
    return ask;
}

void ask_send(struct ask *ask, bool at_once) {
    struct trial *trial = ask->trial;
    struct node_machine *m = &trial->node.machines[ask->machine];
    struct parcel *parcel;

    ask->next = trial->crowd.open;
    trial->crowd.open = ask;
    trial->crowd.open_count++;
    ask->begun_ns = trial->sim.now_ns;
    ask->deadline_ns = ask->call.deadline_ns != 0 ? ask->call.deadline_ns : INT64_MAX;
    ask->known = trial->node.known;
    if (at_once && coherence_try(m->c, &ask->call)) {
        ask->by_try = true;
        ENSURE(ask->call.from_memory, "it is from memory if it is answered at once");
        done(&ask->call);
        return;
    }
    parcel = parcel_new(PARCEL_CALL, ask->machine, trial->truth.count - 1);
    parcel->call = &ask->call;
    node_take(&trial->node, parcel);
}

void ask_arrived(struct store_call *call) {
    struct ask *ask = (struct ask *)call;

    /* An audit takes the time it needs, if it is not told otherwise. */
    if (call->deadline_ns == 0 && call->op.kind != STORE_OP_AUDIT) {
        ask->deadline_ns = ask->trial->sim.now_ns + CROWD_TIMEOUT;
    }
}

/* --- what is asked --- */

struct slice crowd_value(struct crowd *crowd, char place[ASK_NAME]) {
    int size = snprintf(place, ASK_NAME, "v%llu", (unsigned long long)++crowd->values);

    return slice_make(place, (size_t)size);
}

static size_t any_key(struct crowd *crowd, size_t machine) {
    size_t key;

    do {
        key = (size_t)sim_between(sim_of(crowd), 0, LAYOUT_KEYS - 1);
    } while (
        layout_machine_of(&crowd->trial->layout, layout_key(key)) != machine ||
        (crowd->reads_only_kept && (layout_policy(layout_key(key)) == NULL || !layout_policy(layout_key(key))->keeps)));
    return key;
}

static int64_t any_age(struct crowd *crowd) {
    static const int64_t most[] = {SIM_MS, 100 * SIM_MS, SIM_S, 3 * SIM_S};

    return sim_between(sim_of(crowd), 1, most[sim_between(sim_of(crowd), 0, 3)]);
}

static void any_freshness(struct crowd *crowd, struct store_range *range) {
    int64_t kind = sim_between(sim_of(crowd), 0, 99);

    if (kind < 45) {
        range->max_age_ns = 0;
    } else if (kind < 75) {
        range->max_age_ns = any_age(crowd);
    } else if (kind < 95 || crowd->reads_only_kept) {
        range->serializable = true;
    } else {
        range->direct = true;
    }
}

static void make_read(struct ask *ask) {
    struct crowd *crowd = &ask->trial->crowd;
    struct store_range *range = &ask->call.op.range;

    ask->call.op.kind = STORE_OP_RANGE;
    range->span.key = layout_key(any_key(crowd, ask->machine));
    range->keys_only = sim_chance(sim_of(crowd), 5);
    any_freshness(crowd, range);
    if (sim_chance(sim_of(crowd), 3) && !crowd->reads_only_kept) {
        range->revision = sim_between(sim_of(crowd), 1, truth_revision(&ask->trial->truth));
    }
}

static void make_range(struct ask *ask) {
    struct crowd *crowd = &ask->trial->crowd;
    struct layout_machine *machine = &ask->trial->layout.machines[ask->machine];
    struct store_range *range = &ask->call.op.range;

    ask->call.op.kind = STORE_OP_RANGE;
    range->span = machine->mirrors[sim_between(sim_of(crowd), 0, (int64_t)machine->mirror_count - 1)];
    if (sim_chance(sim_of(crowd), 25)) {
        range->span.key = layout_key(any_key(crowd, ask->machine));
    } else if (sim_chance(sim_of(crowd), 20)) {
        range->span.range_end = layout_key(any_key(crowd, ask->machine));
    }
    if (slice_compare(range->span.key, range->span.range_end) >= 0) {
        range->span = machine->mirrors[0];
    }
    range->limit = sim_chance(sim_of(crowd), 30) ? sim_between(sim_of(crowd), 1, 3) : 0;
    range->keys_only = sim_chance(sim_of(crowd), 10);
    range->count_only = sim_chance(sim_of(crowd), 10);
    range->order = sim_chance(sim_of(crowd), 20) ? STORE_SORT_DESCEND : STORE_SORT_NONE;
    range->target = STORE_SORT_KEY;
    any_freshness(crowd, range);
}

static void make_read_txn(struct ask *ask) {
    struct crowd *crowd = &ask->trial->crowd;
    struct store_txn *txn = &ask->call.op.txn;

    ask->call.op.kind = STORE_OP_TXN;
    txn->success = ask->ops;
    txn->success_count = (size_t)sim_between(sim_of(crowd), 1, ASK_OPS);
    for (size_t i = 0; i < txn->success_count; i++) {
        ask->ops[i].kind = STORE_OP_RANGE;
        ask->ops[i].range.span.key = layout_key(any_key(crowd, ask->machine));
    }
}

static void make_put(struct crowd *crowd, struct store_op *op, size_t key, char value[ASK_NAME]) {
    *op = (struct store_op){.kind = STORE_OP_PUT};
    op->put.key = layout_key(key);
    op->put.value = crowd_value(crowd, value);
    op->put.want_previous = sim_chance(sim_of(crowd), 20);
    op->put.lease = sim_chance(sim_of(crowd), 15) ? crowd->lease : 0;
}

static void make_delete(struct crowd *crowd, struct store_op *op, size_t key) {
    *op = (struct store_op){.kind = STORE_OP_DELETE};
    op->delete.span.key = layout_key(key);
    op->delete.want_previous = sim_chance(sim_of(crowd), 20);
}

/* Several keys of one revision, each once; sometimes on a condition that may not hold, and a read among them. */
static void make_change(struct crowd *crowd, struct store_op *op, size_t machine, struct ask *ask) {
    size_t key = any_key(crowd, machine);
    size_t count = 0;

    for (size_t i = 0; i < ASK_OPS; i++, key++) {
        if (key >= LAYOUT_KEYS || layout_machine_of(&crowd->trial->layout, layout_key(key)) != machine) {
            break;
        }
        if (sim_chance(sim_of(crowd), 70)) {
            make_put(crowd, &ask->ops[count], key, ask->values[count]);
        } else {
            make_delete(crowd, &ask->ops[count], key);
        }
        count++;
    }
    *op = (struct store_op){.kind = STORE_OP_TXN};
    op->txn.success = ask->ops;
    op->txn.success_count = count;
    if (sim_chance(sim_of(crowd), 40)) {
        ask->compare = (struct store_compare){.span = {.key = layout_key(any_key(crowd, machine))},
                                              .result = STORE_GREATER,
                                              .target = STORE_COMPARE_VERSION,
                                              .number = sim_between(sim_of(crowd), 0, 3)};
        op->txn.compares = &ask->compare;
        op->txn.compare_count = 1;
    }
}

static void make_write(struct ask *ask) {
    struct crowd *crowd = &ask->trial->crowd;
    int64_t kind = sim_between(sim_of(crowd), 0, 99);
    size_t key = any_key(crowd, ask->machine);
    size_t other = any_key(crowd, ask->machine);

    if (kind < 60) {
        make_put(crowd, &ask->call.op, key, ask->values[0]);
    } else if (kind < 75) {
        make_delete(crowd, &ask->call.op, key);
    } else if (kind < 80) {
        make_delete(crowd, &ask->call.op, key < other ? key : other);
        ask->call.op.delete.span.range_end = layout_key(key < other ? other : key);
    } else {
        make_change(crowd, &ask->call.op, ask->machine, ask);
    }
    if (ask->call.op.kind == STORE_OP_DELETE && key == other) {
        ask->call.op.delete.span.range_end = SLICE("");
    }
}

void crowd_ask(struct crowd *crowd) {
    struct ask *ask = ask_new(crowd);
    int64_t kind = sim_between(sim_of(crowd), 0, 99);

    ask->machine = (size_t)sim_between(sim_of(crowd), 0, (int64_t)crowd->trial->layout.machine_count - 1);
    if (sim_chance(sim_of(crowd), crowd->write_percent)) {
        make_write(ask);
    } else if (kind < 70 || crowd->reads_only_kept) {
        make_read(ask);
    } else if (kind < 95) {
        make_range(ask);
    } else if (kind < 99) {
        make_read_txn(ask);
    } else {
        ask->call.op.kind = STORE_OP_AUDIT;
    }
    if (sim_chance(sim_of(crowd), 30) && !crowd->reads_only_kept) {
        ask->call.deadline_ns = sim_of(crowd)->now_ns + sim_between(sim_of(crowd), SIM_MS, 3 * SIM_S);
    }
    ask_send(ask, ask->call.op.kind == STORE_OP_RANGE && sim_chance(sim_of(crowd), 80));
}

/* --- past the node --- */

static size_t key_anywhere(struct crowd *crowd) {
    return (size_t)sim_between(sim_of(crowd), 0, LAYOUT_KEYS - 1);
}

static void change_lease(struct crowd *crowd, struct store_op *op) {
    if (crowd->lease == 0) {
        op->kind = STORE_OP_LEASE_GRANT;
        op->lease.ttl = 60;
    } else {
        op->kind = STORE_OP_LEASE_REVOKE;
        op->lease.id = crowd->lease;
    }
}

void crowd_write(struct crowd *crowd) {
    struct ask place = {.trial = crowd->trial};
    struct store_op op = {0};
    struct store_result result;
    struct arena arena;
    int64_t revision;
    int64_t kind = sim_between(sim_of(crowd), 0, 99);

    arena_init(&arena, SIZE_MAX / 2);
    if (kind < 60) {
        make_put(crowd, &op, key_anywhere(crowd), place.values[0]);
    } else if (kind < 75) {
        make_delete(crowd, &op, key_anywhere(crowd));
    } else if (kind < 80) {
        make_delete(crowd, &op, key_anywhere(crowd));
        op.delete.span.range_end = layout_key(key_anywhere(crowd));
    } else if (kind < 92) {
        make_change(crowd, &op, (size_t)sim_between(sim_of(crowd), 0, (int64_t)crowd->trial->layout.machine_count - 1),
                    &place);
    } else {
        change_lease(crowd, &op);
    }
    if (model_change(&crowd->trial->model, &op, &arena, &result, &revision) == STORE_OK) {
        crowd->lease = op.kind == STORE_OP_LEASE_GRANT    ? result.lease
                       : op.kind == STORE_OP_LEASE_REVOKE ? 0
                                                          : crowd->lease;
    }
    arena_fini(&arena);
}

/* --- all of them --- */

static void ask_again(void *ctx) {
    struct crowd *crowd = ctx;

    crowd->asking = sim_after(sim_of(crowd), sim_between(sim_of(crowd), 0, crowd->pause_ns), ask_again, crowd);
    if (!crowd->trial->node.is_paused) {
        for (int64_t i = sim_chance(sim_of(crowd), 30) ? sim_between(sim_of(crowd), 1, BURST_MOST) : 1;
             i > 0 && crowd->open_count < ASK_OPEN_MOST; i--) {
            crowd_ask(crowd);
        }
    }
}

static void write_again(void *ctx) {
    struct crowd *crowd = ctx;

    crowd->writing = sim_after(sim_of(crowd), sim_between(sim_of(crowd), 0, crowd->write_pause_ns), write_again, crowd);
    crowd_write(crowd);
}

static void watch_again(void *ctx) {
    struct crowd *crowd = ctx;
    struct node *node = &crowd->trial->node;
    int64_t now_ns = sim_of(crowd)->now_ns - LATE_MS * SIM_MS;

    crowd->watching = sim_after(sim_of(crowd), 50 * SIM_MS, watch_again, crowd);
    for (struct ask *ask = crowd->open; ask != NULL && !node->is_stalled; ask = ask->next) {
        ENSURE(now_ns <= ask->deadline_ns || now_ns <= node->moved_ns, "op %d of %.3f s ago has no answer",
               (int)ask->call.op.kind, (double)(sim_of(crowd)->now_ns - ask->begun_ns) / 1e9);
    }
}

void crowd_init(struct crowd *crowd, struct trial *trial) {
    *crowd =
        (struct crowd){.trial = trial, .pause_ns = 30 * SIM_MS, .write_pause_ns = 60 * SIM_MS, .write_percent = 20};
}

void crowd_begin(struct crowd *crowd) {
    crowd->asking = sim_after(sim_of(crowd), 0, ask_again, crowd);
    crowd->watching = sim_after(sim_of(crowd), 0, watch_again, crowd);
    if (crowd->write_pause_ns > 0) {
        crowd->writing = sim_after(sim_of(crowd), 0, write_again, crowd);
    }
}

void crowd_stop(struct crowd *crowd) {
    sim_cancel(sim_of(crowd), crowd->asking);
    sim_cancel(sim_of(crowd), crowd->writing);
    crowd->asking = NULL;
    crowd->writing = NULL;
}

void crowd_fini(struct crowd *crowd) {
    crowd_stop(crowd);
    sim_cancel(sim_of(crowd), crowd->watching);
    ENSURE(crowd->open_count == 0, "%zu calls have no answer", crowd->open_count);
    while (crowd->over != NULL) {
        struct ask *ask = crowd->over;

        crowd->over = ask->next;
        free(ask);
    }
}
