/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

void history_fini(struct history *history) {
    for (size_t i = 0; i < history->count; i++) {
        free(history->ops[i]);
    }
    free(history->ops);
    *history = (struct history){0};
}

struct history_op *history_add(struct history *history) {
    history->ops = realloc(history->ops, (history->count + 1) * sizeof(*history->ops));
    sim_must(history->ops != NULL);
    history->ops[history->count] = sim_new(sizeof(struct history_op));
    return history->ops[history->count++];
}

#define OP_CHECK(w, op, condition)                                                                                     \
    CHECK(w, condition, "%s of %s '%s' at %.6f..%.6f, %s%s%s, revision %lld, found %lld, done %zu times",              \
          kind_names[(op)->kind], (op)->key, (op)->value, seconds((op)->start_ns), seconds((op)->end_ns),              \
          store_status_text((op)->status), (op)->repeated ? ", repeated" : "",                                         \
          (op)->retry_unknown ? ", retry_unknown" : "", (long long)(op)->revision, (long long)(op)->mod_revision,      \
          count_done(w, op))

static const char *const kind_names[] = {"read",   "serializable read", "put", "transaction", "guarded transaction",
                                         "delete", "marked delete"};

static double seconds(int64_t ns) {
    return (double)(ns % (3600 * SIM_S)) / (double)SIM_S;
}

/* --- what the cluster has done --- */

static bool is_of(const struct mvcc_change *change, const struct history_op *op) {
    return !change->is_delete && op->value[0] != '\0' && slice_equal(change->kv.value, slice_from_string(op->value));
}

static size_t count_done(const struct world *w, const struct history_op *op) {
    const struct mvcc *mvcc = &w->cluster.mvcc;
    size_t count = 0;

    for (size_t i = 0; i < mvcc->change_count; i++) {
        count += is_of(&mvcc->changes[i], op);
    }
    return count;
}

/* Between the start and the end, at the revision that was answered. */
static bool was_done_in_time(const struct world *w, const struct history_op *op) {
    const struct mvcc *mvcc = &w->cluster.mvcc;

    for (size_t i = 0; i < mvcc->change_count; i++) {
        const struct mvcc_change *change = &mvcc->changes[i];

        if (is_of(change, op) && change->at_ns >= op->start_ns && change->at_ns <= op->end_ns &&
            change->kv.mod_revision == op->revision) {
            return true;
        }
    }
    return false;
}

/* Whether the key had that mod_revision (0: was absent) at some time between. */
static bool was_current(const struct world *w, const struct history_op *op, int64_t mod_revision, int64_t from_ns) {
    const struct mvcc *mvcc = &w->cluster.mvcc;
    int64_t now = 0;
    int64_t since = 0;

    for (size_t i = 0; i < mvcc->change_count; i++) {
        const struct mvcc_change *change = &mvcc->changes[i];

        if (!slice_equal(change->kv.key, slice_from_string(op->key))) {
            continue;
        }
        if (now == mod_revision && since <= op->end_ns && change->at_ns >= from_ns) {
            return true;
        }
        now = change->is_delete ? 0 : change->kv.mod_revision;
        since = change->at_ns;
    }
    return now == mod_revision && since <= op->end_ns;
}

/* Whether it had another one at some time between. */
static bool was_other(const struct world *w, const struct history_op *op) {
    const struct mvcc *mvcc = &w->cluster.mvcc;
    int64_t now = 0;
    int64_t since = 0;

    for (size_t i = 0; i < mvcc->change_count; i++) {
        const struct mvcc_change *change = &mvcc->changes[i];

        if (!slice_equal(change->kv.key, slice_from_string(op->key))) {
            continue;
        }
        if (now != op->expected && since <= op->end_ns && change->at_ns >= op->start_ns) {
            return true;
        }
        now = change->is_delete ? 0 : change->kv.mod_revision;
        since = change->at_ns;
    }
    return now != op->expected && since <= op->end_ns;
}

/* --- what may be --- */

static void check_read(const struct world *w, const struct history_op *op) {
    OP_CHECK(w, op,
             op->status == STORE_OK || op->status == STORE_UNAVAILABLE || op->status == STORE_TIMEOUT ||
                 op->status == STORE_CLOSED);
    if (op->status != STORE_OK) {
        return;
    }
    if (op->kind == HISTORY_READ) {
        OP_CHECK(w, op, was_current(w, op, op->mod_revision, op->start_ns));
        OP_CHECK(w, op, op->revision >= op->revision_at_start);
    } else {
        OP_CHECK(w, op, was_current(w, op, op->mod_revision, 0));
    }
}

/* That a key is absent may come to be true again, so it guards nothing. */
static bool is_once(const struct history_op *op) {
    return op->kind == HISTORY_GUARDED && op->expected > 0;
}

static void check_answered(const struct world *w, const struct history_op *op) {
    size_t done = count_done(w, op);

    if (op->kind == HISTORY_GUARDED && !op->succeeded) {
        OP_CHECK(w, op, done == 0 || op->retry_unknown);
        OP_CHECK(w, op, was_other(w, op));
        return;
    }
    OP_CHECK(w, op, was_done_in_time(w, op));
    if (!op->repeated || is_once(op)) {
        OP_CHECK(w, op, done == 1);
    }
    OP_CHECK(w, op, op->retry_unknown || is_once(op) || !op->repeated);
}

static void check_write(const struct world *w, const struct history_op *op) {
    size_t done = count_done(w, op);

    switch (op->status) {
    case STORE_OK:
        check_answered(w, op);
        break;
    case STORE_UNKNOWN:
        OP_CHECK(w, op, done <= 1 || op->retry_unknown);
        /* Who may be repeated is, as long as there is time. */
        OP_CHECK(w, op, !op->retry_unknown || op->end_ns >= op->deadline_ns || w->client == NULL);
        break;
    case STORE_UNAVAILABLE:
    case STORE_TIMEOUT:
    case STORE_CLOSED:
        OP_CHECK(w, op, done == 0);
        break;
    default:
        OP_CHECK(w, op, false);
        break;
    }
}

void history_check(const struct history *history, const struct world *w) {
    for (size_t i = 0; i < history->count; i++) {
        const struct history_op *op = history->ops[i];

        OP_CHECK(w, op, op->is_done);
        OP_CHECK(w, op, op->end_ns <= op->deadline_ns + SIM_MS);
        if (op->kind == HISTORY_READ || op->kind == HISTORY_READ_ANY) {
            check_read(w, op);
        } else if (op->kind != HISTORY_DELETE) {
            check_write(w, op);
        }
    }
}
