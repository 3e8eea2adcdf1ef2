/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

/* What the control thread does: registration, renewals, the watch, proofs, purges. */
#define TICK_NS (20 * SIM_MS)
#define RENEW_NS (RING_TRIAL_LEASE_NS / 4)
#define PROVE_NS (RING_TRIAL_LEASE_NS / 5)
#define RETRY_NS (100 * SIM_MS)

static struct sim *sim_of(const struct node *node) {
    return &node->trial->sim;
}

static struct depot_watch *watch_of(const struct node *node) {
    return &node->trial->depot.watches[node->process];
}

static int64_t newest_purge(const struct steward *s) {
    int64_t newest = 0;

    for (size_t i = 0; i <= RING_TRIAL_GROUPS; i++) {
        newest = s->purged[i] > newest ? s->purged[i] : newest;
    }
    return newest;
}

static void ask_of(struct node *node, struct question question) {
    struct steward *s = &node->steward;

    question.process = node->process;
    question.life = node->life;
    question.name = node->name;
    question.sent_ns = node_now(node);
    s->asked_ns[question.kind] = question.sent_ns;
    depot_ask(&node->trial->depot, &question);
}

/* --- what the keeper is told --- */

static void set_authority(struct node *node) {
    struct steward *s = &node->steward;

    if (s->has_proof && s->cursor >= s->proof_revision && !s->is_late) {
        s->proven_ns = s->proof_ns > s->proven_ns ? s->proof_ns : s->proven_ns;
        s->has_proof = false;
    }
    keeper_set_authority(node->keeper, s->incarnation == 0 ? INT64_MIN : s->renewed_ns, s->proven_ns);
}

static void make_room(struct node *node) {
    struct keeper_view *view = NULL;

    if (!keeper_must_clear(node->keeper)) {
        return;
    }
    keeper_renew(node->keeper, &view);
    shelf_clear(node);
    keeper_swept(node->keeper, view->serial);
    keeper_view_unref(view);
}

static void tell_purges(struct node *node) {
    struct steward *s = &node->steward;

    for (;;) {
        unsigned first = RING_TRIAL_GROUPS + 1;

        for (unsigned i = 0; i <= RING_TRIAL_GROUPS; i++) {
            if (s->purges[i] > s->purged[i] && (first > RING_TRIAL_GROUPS || s->purges[i] < s->purges[first])) {
                first = i;
            }
        }
        if (first > RING_TRIAL_GROUPS) {
            return;
        }
        s->purged[first] = s->purges[first];
        make_room(node);
        sim_must(keeper_purge(node->keeper, first == RING_TRIAL_GROUPS ? KEEPER_GROUPS : first, s->purged[first]) ==
                 LARDER_OK);
        ask_of(node, (struct question){.kind = QUESTION_APPLIED, .number = newest_purge(s)});
    }
}

static bool is_gone(const struct node *node) {
    const struct steward *s = &node->steward;
    const struct roll_entry *own = roll_find(&s->roll, node->name);

    return s->incarnation != 0 && s->cursor >= s->incarnation && (own == NULL || own->incarnation != s->incarnation);
}

static void tell(struct node *node, bool gap) {
    struct steward *s = &node->steward;
    struct membership *members = roll_membership(&s->roll, s->cursor);

    if (is_gone(node)) {
        s->incarnation = 0;
    }
    tell_purges(node);
    make_room(node);
    sim_must(keeper_set_membership(node->keeper, members, s->incarnation, gap || s->is_late, node_now(node)) ==
             LARDER_OK);
    membership_unref(members);
    s->is_late = false;
    set_authority(node);
    jobs_view_changed(node);
}

/* --- the watch --- */

static void take_event(struct node *node, uint64_t number, void *payload) {
    struct steward *s = &node->steward;
    int64_t revision = (int64_t)(number & UINT32_MAX);
    const struct depot_event *event = &node->trial->depot.log[revision];

    (void)payload;
    if (number >> 32 != watch_of(node)->connection || revision <= s->cursor) {
        return;
    }
    sim_must(revision == s->cursor + 1);
    s->cursor = revision;
    if (event->is_purge) {
        s->purges[event->group] = revision;
    } else {
        s->roll = event->roll;
    }
    if (sim_chance(sim_of(node), 10)) {
        s->is_late = true; /* and is told together with what comes next */
    } else {
        tell(node, false);
    }
}

void node_event(struct node *node, unsigned connection, int64_t revision) {
    node_task(node, LANE_CONTROL, 0, take_event, (uint64_t)connection << 32 | (uint64_t)revision, NULL);
}

/* --- answers --- */

static void take_list(struct node *node, const struct question *q) {
    struct steward *s = &node->steward;
    bool is_news = q->revision > s->cursor;

    s->wants_list = false;
    s->asked_ns[QUESTION_LIST] = 0;
    if (is_news) {
        s->cursor = q->revision;
        s->roll = q->roll;
        for (size_t i = 0; i <= RING_TRIAL_GROUPS; i++) {
            s->purges[i] = q->purges[i];
        }
    }
    if (is_news || s->is_late || !s->has_list) {
        tell(node, true);
    }
    s->has_list = true;
    s->proven_ns = q->sent_ns > s->proven_ns ? q->sent_ns : s->proven_ns;
    set_authority(node);
    jobs_view_changed(node);
}

static void take_renewal(struct node *node, const struct question *q) {
    struct steward *s = &node->steward;
    bool is_new = q->good && s->incarnation != q->incarnation;

    if (!q->good && (q->kind == QUESTION_REGISTER || s->incarnation == 0 || q->sent_ns < s->renewed_ns)) {
        return; /* of a record before this one, or a try that came too early */
    }
    s->incarnation = q->good ? q->incarnation : 0;
    if (q->good && (is_new || q->sent_ns > s->renewed_ns)) {
        s->renewed_ns = q->sent_ns;
    }
    if (is_new || !q->good) {
        tell(node, false);
    }
    set_authority(node);
}

static void take_answer(struct node *node, uint64_t number, void *payload) {
    const struct question *q = payload;
    struct steward *s = &node->steward;

    (void)number;
    switch (q->kind) {
    case QUESTION_LIST:
        take_list(node, q);
        break;
    case QUESTION_REVISION:
        if (!s->has_proof) {
            s->has_proof = true;
            s->proof_revision = q->revision;
            s->proof_ns = q->sent_ns;
        }
        set_authority(node);
        break;
    case QUESTION_REGISTER:
    case QUESTION_RENEW:
        take_renewal(node, q);
        break;
    case QUESTION_PURGE:
        job_purged(node, q->job);
        break;
    case QUESTION_LEAVING:
    case QUESTION_REMOVE:
    case QUESTION_APPLIED:
        break;
    }
}

void node_answered(struct node *node, struct question *question) {
    if (!node->is_alive || node->life != question->life) {
        free(question);
        return;
    }
    node_task(node, LANE_CONTROL, 0, take_answer, 0, question);
}

/* --- what is due --- */

static bool is_due(const struct node *node, enum question_kind kind, int64_t every_ns) {
    return node_now(node) - node->steward.asked_ns[kind] >= every_ns;
}

static void leave(struct node *node, const struct roll_entry *own) {
    struct steward *s = &node->steward;

    if (own == NULL || own->incarnation != s->incarnation) {
        return;
    }
    if (!own->leaving) {
        if (is_due(node, QUESTION_LEAVING, RETRY_NS)) {
            ask_of(node, (struct question){.kind = QUESTION_LEAVING});
        }
        return;
    }
    if (s->leaving_ns == 0 && !s->is_late) {
        s->leaving_ns = node_now(node);
    }
    if (s->leaving_ns != 0 && node_now(node) - s->leaving_ns > RING_TRIAL_HANDOFF_NS &&
        is_due(node, QUESTION_REMOVE, RETRY_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_REMOVE});
    }
}

static void ask_what_is_due(struct node *node) {
    struct steward *s = &node->steward;
    const struct roll_entry *own = roll_find(&s->roll, node->name);

    if ((!s->has_list || s->wants_list) && is_due(node, QUESTION_LIST, RETRY_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_LIST});
    }
    if (!s->has_list) {
        return;
    }
    if (!watch_of(node)->is_open && !depot_watch(&node->trial->depot, node->process, s->cursor)) {
        s->wants_list = s->wants_list || s->cursor < node->trial->depot.compacted;
    }
    if (s->incarnation == 0 && own == NULL && !s->leaves && is_due(node, QUESTION_REGISTER, RETRY_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_REGISTER, .number = newest_purge(s)});
    }
    if (s->incarnation != 0 && is_due(node, QUESTION_RENEW, RENEW_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_RENEW});
        ask_of(node, (struct question){.kind = QUESTION_APPLIED, .number = newest_purge(s)});
    }
    if (is_due(node, QUESTION_REVISION, PROVE_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_REVISION});
    }
    if (s->leaves) {
        leave(node, own);
    }
}

/* It has left when its record is out; or it never came. */
static bool has_left(const struct node *node) {
    const struct steward *s = &node->steward;

    return s->leaves && s->incarnation == 0 && roll_find(&s->roll, node->name) == NULL;
}

static void tick(struct node *node, uint64_t number, void *payload) {
    struct steward *s = &node->steward;

    (void)number;
    (void)payload;
    if (s->is_late) {
        tell(node, true);
    }
    ask_what_is_due(node);
    if (keeper_wants_sweep(node->keeper) && sim_between(sim_of(node), 0, 999) < node->trial->sweep_permille) {
        shelf_sweep(node);
    }
    if (has_left(node)) {
        node_kill(node);
        return;
    }
    node_task(node, LANE_CONTROL, TICK_NS, tick, 0, NULL);
}

void steward_start(struct node *node) {
    node->steward = (struct steward){.renewed_ns = INT64_MIN, .proven_ns = INT64_MIN};
    tick(node, 0, NULL);
}

void steward_leave(struct node *node) {
    node->steward.leaves = true;
}

void steward_refresh(struct node *node) {
    struct steward *s = &node->steward;

    s->wants_list = true;
    if (is_due(node, QUESTION_LIST, RETRY_NS)) {
        ask_of(node, (struct question){.kind = QUESTION_LIST});
    }
}

void steward_purge(struct node *node, unsigned group, uint64_t job) {
    ask_of(node, (struct question){.kind = QUESTION_PURGE, .group = group, .job = job});
}

bool node_is_member(const struct node *node) {
    const struct roll_entry *own = roll_find(&node->steward.roll, node->name);

    return node->is_alive && node->steward.incarnation != 0 && own != NULL &&
           own->incarnation == node->steward.incarnation && !own->leaving;
}
