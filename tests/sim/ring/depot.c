/* SPDX-License-Identifier: Apache-2.0 */
#include "depot.h"

#include "ring/membership_pack.h"
#include "ring/ring.h"
#include "trial.h"

static struct sim *sim_of(struct depot *depot) {
    return &depot->trial->sim;
}

/* --- rolls --- */

const struct roll_entry *roll_find(const struct roll *roll, size_t name) {
    for (size_t i = 0; i < roll->count; i++) {
        if (roll->entries[i].name == name) {
            return &roll->entries[i];
        }
    }
    return NULL;
}

struct membership *roll_membership(const struct roll *roll, int64_t revision) {
    static const char addresses[RING_TRIAL_NODES][2] = {"0", "1", "2", "3", "4", "5"};
    struct member list[RING_TRIAL_NAMES];
    struct membership *members;

    for (size_t i = 0; i < roll->count; i++) {

        list[i] = (struct member){.id = layout_name(roll->entries[i].name),
                                  .address = slice_make(addresses[roll->entries[i].process], 1),
                                  .incarnation = roll->entries[i].incarnation,
                                  .algorithm = RING_ALGORITHM,
                                  .leaving = roll->entries[i].leaving};
    }
    sim_must(membership_pack(list, roll->count, revision, &members) == LARDER_OK);
    return members;
}

static void enrol(const struct depot *depot, struct roll *roll) {
    roll->count = 0;
    for (size_t name = 0; name < RING_TRIAL_NAMES; name++) {
        const struct depot_record *r = &depot->records[name];

        if (r->incarnation != 0) {
            roll->entries[roll->count++] = (struct roll_entry){
                .name = name, .process = r->process, .incarnation = r->incarnation, .leaving = r->leaving};
        }
    }
}

/* --- the watch --- */

static void push(void *ctx);

static void stir(struct depot_watch *watch) {
    struct depot *depot = &watch->trial->depot;

    if (watch->is_open && watch->event == NULL && watch->sent < depot->revision) {
        int64_t most_ns = depot->lag_ns[watch->process];

        watch->event = sim_after(sim_of(depot), sim_between(sim_of(depot), SIM_MS / 10, most_ns), push, watch);
    }
}

static void push(void *ctx) {
    struct depot_watch *watch = ctx;
    struct depot *depot = &watch->trial->depot;

    watch->event = NULL;
    if (watch->is_open && sim_of(depot)->now_ns >= depot->away_until_ns) {
        watch->sent++;
        node_event(&watch->trial->nodes[watch->process], watch->connection, watch->sent);
    }
    stir(watch);
}

bool depot_watch(struct depot *depot, size_t process, int64_t revision) {
    struct depot_watch *watch = &depot->watches[process];

    watch->is_open = revision >= depot->compacted && sim_of(depot)->now_ns >= depot->away_until_ns;
    watch->connection++;
    watch->sent = revision;
    stir(watch);
    return watch->is_open;
}

void depot_unwatch(struct depot *depot, size_t process) {
    struct depot_watch *watch = &depot->watches[process];

    watch->is_open = false;
    watch->connection++;
    sim_cancel(sim_of(depot), watch->event);
    watch->event = NULL;
}

/* --- changes --- */

static void reply(void *ctx);

static void answer_later(struct question *q) {
    struct depot *depot = &q->trial->depot;

    if (sim_chance(sim_of(depot), depot->lost_percent)) {
        free(q);
        return;
    }
    (void)sim_after(sim_of(depot), sim_between(sim_of(depot), SIM_MS / 10, depot->delay_ns), reply, q);
}

static bool is_applied(const struct depot *depot, int64_t number) {
    for (size_t name = 0; name < RING_TRIAL_NAMES; name++) {
        if (depot->records[name].incarnation != 0 && depot->records[name].applied < number) {
            return false;
        }
    }
    return true;
}

static void answer_purges(struct depot *depot) {
    struct question **place = &depot->waiting;

    while (*place != NULL) {
        struct question *q = *place;

        if (is_applied(depot, q->number)) {
            *place = q->next;
            q->good = true;
            answer_later(q);
        } else {
            place = &q->next;
        }
    }
}

static void changed(struct depot *depot, bool is_purge, unsigned group) {
    struct depot_event *event;

    depot->revision++;
    sim_must(depot->revision < RING_TRIAL_REVISIONS);
    event = &depot->log[depot->revision];
    event->is_purge = is_purge;
    event->group = group;
    enrol(depot, &event->roll);
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        stir(&depot->watches[i]);
    }
}

static void take_out(struct depot *depot, struct depot_record *r) {
    seeds_trace(sim_of(depot), "the record of process %zu goes", r->process);
    sim_cancel(sim_of(depot), r->expiry);
    *r = (struct depot_record){.incarnation = 0};
    changed(depot, false, 0);
    answer_purges(depot);
}

static void expire(void *ctx) {
    struct depot_record *r = ctx;

    r->expiry = NULL;
    take_out(r->depot, r);
}

static void renew(struct depot *depot, struct depot_record *r) {
    sim_cancel(sim_of(depot), r->expiry);
    r->expiry = sim_after(sim_of(depot), RING_TRIAL_LEASE_NS, expire, r);
}

static void enter(struct depot *depot, struct depot_record *r, const struct question *q) {
    *r = (struct depot_record){.depot = depot,
                               .incarnation = depot->revision + 1,
                               .process = q->process,
                               .life = q->life,
                               .applied = q->number};
    renew(depot, r);
    changed(depot, false, 0);
    depot->log[depot->revision].process = q->process;
    depot->log[depot->revision].life = q->life;
}

/* --- questions --- */

static void tell(const struct depot *depot, struct question *q) {
    q->revision = depot->revision;
    enrol(depot, &q->roll);
    for (size_t i = 0; i <= RING_TRIAL_GROUPS; i++) {
        q->purges[i] = depot->purges[i];
    }
}

static void purge(struct depot *depot, struct question *q) {
    q->number = depot->purges[q->group] = depot->revision + 1;
    changed(depot, true, q->group);
    q->next = depot->waiting;
    depot->waiting = q;
    answer_purges(depot);
}

/* What concerns a record of his own. */
static void change_record(struct depot *depot, struct depot_record *r, struct question *q) {
    q->good = r->incarnation != 0 && r->process == q->process && r->life == q->life;
    q->incarnation = q->good ? r->incarnation : 0;
    if (!q->good) {
        return;
    }
    if (q->kind == QUESTION_RENEW || q->kind == QUESTION_REGISTER) {
        renew(depot, r);
    } else if (q->kind == QUESTION_LEAVING && !r->leaving) {
        r->leaving = true;
        changed(depot, false, 0);
    } else if (q->kind == QUESTION_REMOVE) {
        take_out(depot, r);
    } else if (q->kind == QUESTION_APPLIED && q->number > r->applied) {
        r->applied = q->number;
        answer_purges(depot);
    }
}

static void arrive(void *ctx) {
    struct question *q = ctx;
    struct depot *depot = &q->trial->depot;
    struct depot_record *r = &depot->records[q->name];

    if (sim_of(depot)->now_ns < depot->away_until_ns) {
        free(q);
        return;
    }
    if (q->kind == QUESTION_PURGE) {
        purge(depot, q);
        return;
    }
    if (q->kind == QUESTION_REGISTER && r->incarnation == 0) {
        enter(depot, r, q);
    }
    if (q->kind != QUESTION_LIST && q->kind != QUESTION_REVISION) {
        change_record(depot, r, q);
    }
    tell(depot, q);
    answer_later(q);
}

static void reply(void *ctx) {
    struct question *q = ctx;

    node_answered(&q->trial->nodes[q->process], q);
}

void depot_ask(struct depot *depot, const struct question *question) {
    struct question *q = sim_new(sizeof(*q));

    *q = *question;
    q->trial = depot->trial;
    if (sim_chance(sim_of(depot), depot->lost_percent)) {
        free(q);
        return;
    }
    (void)sim_after(sim_of(depot), sim_between(sim_of(depot), SIM_MS / 10, depot->delay_ns), arrive, q);
}

void depot_init(struct depot *depot, struct trial *trial) {
    *depot = (struct depot){.trial = trial, .revision = 100, .delay_ns = 2 * SIM_MS};
    depot->log = sim_new(RING_TRIAL_REVISIONS * sizeof(*depot->log));
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        depot->watches[i].trial = trial;
        depot->watches[i].process = i;
        depot->lag_ns[i] = 2 * SIM_MS;
    }
}

void depot_fini(struct depot *depot) {
    while (depot->waiting != NULL) {
        struct question *q = depot->waiting;

        depot->waiting = q->next;
        free(q);
    }
    free(depot->log);
}
