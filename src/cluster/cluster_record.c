/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/cluster_internal.h"

/* Our record and the lease it stands under. */

static int64_t renewed_ns(const struct cluster *c, int64_t sent_ns, int64_t ttl) {
    int64_t short_ns = c->config.lease_ns - ttl * CLOCK_NS_PER_S;

    return short_ns > 0 ? sent_ns - short_ns : sent_ns;
}

static bool write_text(struct cluster *c, bool leaving) {
    const struct member self = {
        .id = c->keys.id, .address = c->keys.address, .algorithm = RING_ALGORITHM, .leaving = leaving};

    buf_consume(&c->record_text, c->record_text.size);
    return member_record_write(&self, &c->record_text) == LARDER_OK;
}

/* --- the lease --- */

static void ask_lease(struct cluster *c, enum call_kind kind, int64_t now_ns) {
    const struct store_op op = {
        .kind = kind == CALL_GRANT ? STORE_OP_LEASE_GRANT : STORE_OP_LEASE_KEEP_ALIVE,
        .lease = {.id = c->lease, .ttl = c->config.lease_ns / CLOCK_NS_PER_S},
    };

    c->calls[kind].due_ns = now_ns + cluster_share_of_lease(c, RENEWALS_IN_LEASE);
    cluster_call_one(c, kind, op, now_ns + c->config.lease_ns, now_ns);
}

void cluster_grant_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    int64_t sent_ns = c->calls[CALL_GRANT].sent_ns;

    if (call->status != STORE_OK) {
        log_warn("the store grants no lease", log_string("reason", store_status_text(call->status)));
        cluster_call_again(c, CALL_GRANT, now_ns);
        return;
    }
    c->lease = call->result.lease;
    c->renewed_ns = renewed_ns(c, sent_ns, call->result.ttl);
    c->calls[CALL_RENEW].due_ns = sent_ns + cluster_share_of_lease(c, RENEWALS_IN_LEASE);
    c->calls[CALL_RECORD].due_ns = now_ns;
}

static void lose_lease(struct cluster *c) {
    c->lease = 0;
    c->renewed_ns = INT64_MIN;
    c->calls[CALL_GRANT].due_ns = INT64_MIN;
}

void cluster_renew_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    if (call->op.lease.id != c->lease) {
        return;
    }
    if (call->status == STORE_OK && call->result.ttl > 0) {
        c->counting.renewals++;
        c->renewed_ns = renewed_ns(c, c->calls[CALL_RENEW].sent_ns, call->result.ttl);
        return;
    }
    c->counting.renewal_failures++;
    if (call->status == STORE_OK || call->status == STORE_LEASE_NOT_FOUND) {
        log_warn("the lease of this node's record has run out");
        lose_lease(c);
        return;
    }
    log_warn("the lease of this node's record was not renewed", log_string("reason", store_status_text(call->status)));
    cluster_call_again(c, CALL_RENEW, now_ns);
}

/* --- the record --- */

/* Only if there is none: what is there belongs to somebody. */
static void ask_to_join(struct cluster *c, int64_t now_ns) {
    struct machine_call *own = &c->calls[CALL_RECORD];
    const struct store_range range = {.span = {.key = c->keys.own_node}, .direct = true};

    own->due_ns = now_ns + cluster_share_of_lease(c, RENEWALS_IN_LEASE);
    c->applied_sent = c->purge_number;
    snprintf(c->applied_text, sizeof(c->applied_text), "%lld", (long long)c->applied_sent);
    own->compare = (struct store_compare){.span = {.key = c->keys.own_node}, .target = STORE_COMPARE_CREATE};
    own->ops[0] = (struct store_op){
        .kind = STORE_OP_PUT, .put = {.key = c->keys.own_node, .value = buf_slice(&c->record_text), .lease = c->lease}};
    own->ops[1] = (struct store_op){.kind = STORE_OP_PUT, .put = {.key = c->keys.joined, .value = c->keys.id}};
    own->ops[2] = (struct store_op){
        .kind = STORE_OP_PUT,
        .put = {.key = c->keys.own_applied, .value = slice_from_string(c->applied_text), .lease = c->lease}};
    own->ops[3] = (struct store_op){.kind = STORE_OP_RANGE, .range = range};
    c->asks_to_leave = false;
    cluster_call_txn(c, CALL_RECORD, 4, true, 1, now_ns);
}

static void ask_to_leave(struct cluster *c, int64_t now_ns) {
    struct machine_call *own = &c->calls[CALL_RECORD];

    own->due_ns = now_ns + MACHINE_CALL_RETRY_MS * CLOCK_NS_PER_MS;
    own->compare = (struct store_compare){
        .span = {.key = c->keys.own_node}, .target = STORE_COMPARE_CREATE, .number = c->incarnation};
    own->ops[0] = (struct store_op){
        .kind = STORE_OP_PUT, .put = {.key = c->keys.own_node, .value = buf_slice(&c->record_text), .lease = c->lease}};
    c->asks_to_leave = true;
    cluster_call_txn(c, CALL_RECORD, 1, true, 0, now_ns);
}

static void has_joined(struct cluster *c, int64_t incarnation, int64_t now_ns) {
    c->record = RECORD_SERVING;
    c->incarnation = incarnation;
    c->applied_told = c->applied_sent;
    c->waits_for = 0;
    log_info("this node is a member of the cluster", log_slice("cluster", c->config.name), log_slice("id", c->keys.id),
             log_number("incarnation", incarnation));
    cluster_view_tell(c, false, now_ns);
}

/* It may be ours, if an answer was lost; by the lease. */
static void is_there(struct cluster *c, const struct store_result *range, int64_t now_ns) {
    const struct kv *kv = range->kv_count > 0 ? &range->kvs[0] : NULL;

    if (kv == NULL) {
        c->calls[CALL_RECORD].due_ns = now_ns;
    } else if (kv->lease == c->lease) {
        has_joined(c, kv->create_revision, now_ns);
    } else if (kv->create_revision != c->waits_for) {
        c->waits_for = kv->create_revision;
        log_warn(
            "a record of this node's name is there: it waits until that has gone; if another node has this name, it "
            "waits for ever",
            log_slice("id", c->keys.id), log_slice("record", kv->value));
    }
}

void cluster_record_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    const struct store_result *result = &call->result;

    if (call->status == STORE_LEASE_NOT_FOUND) {
        lose_lease(c);
    } else if (call->status != STORE_OK) {
        log_warn("the record of this node cannot be written", log_string("reason", store_status_text(call->status)));
        cluster_call_again(c, CALL_RECORD, now_ns);
    } else if (c->asks_to_leave) {
        c->record = result->succeeded ? RECORD_LEAVING : RECORD_NONE;
    } else if (result->succeeded) {
        has_joined(c, call->revision, now_ns);
    } else {
        is_there(c, &result->results[0], now_ns);
    }
}

static const struct member *find_own(const struct cluster *c) {
    return c->members != NULL ? membership_find(c->members, c->keys.id) : NULL;
}

/* It ran out while we were paused, or somebody took it away: this node begins anew, as another one. */
static void look_for_it(struct cluster *c, int64_t now_ns) {
    const struct member *own = find_own(c);
    bool is_ours = own != NULL && own->incarnation == c->incarnation;

    if (c->incarnation == 0 || !c->listed || c->members->revision < c->incarnation || is_ours) {
        return;
    }
    log_warn("the record of this node is gone", log_number("incarnation", c->incarnation));
    c->record = RECORD_NONE;
    c->incarnation = 0;
    c->calls[CALL_RECORD].due_ns = now_ns;
    cluster_view_tell(c, false, now_ns);
}

static void join(struct cluster *c, int64_t now_ns) {
    if (c->lease == 0) {
        if (cluster_call_can(c, CALL_GRANT, now_ns)) {
            ask_lease(c, CALL_GRANT, now_ns);
        }
        return;
    }
    if (c->waits_for != 0 && find_own(c) == NULL) {
        c->waits_for = 0;
        c->calls[CALL_RECORD].due_ns = now_ns;
    }
    if (!c->broken && cluster_call_can(c, CALL_RECORD, now_ns) && write_text(c, false)) {
        ask_to_join(c, now_ns);
    }
}

/* --- leaving --- */

static bool is_anybody_left(const struct cluster *c) {
    for (size_t i = 0; c->members != NULL && i < c->members->count; i++) {
        const struct member *m = &c->members->members[i];

        if (!m->leaving && !slice_equal(m->id, c->keys.id)) {
            return true;
        }
    }
    return false;
}

/* The record may go once this node itself has seen that it leaves; for the others, so that they can ask for what it has. */
static bool may_go(const struct cluster *c, int64_t now_ns) {
    const struct member *own = find_own(c);

    return now_ns >= c->leave_until_ns ||
           (c->record == RECORD_LEAVING && own != NULL && own->leaving && !is_anybody_left(c));
}

void cluster_revoke_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    if (call->status == STORE_OK || call->status == STORE_LEASE_NOT_FOUND) {
        c->record = RECORD_GONE;
        c->incarnation = 0;
        lose_lease(c);
    } else {
        cluster_call_again(c, CALL_REVOKE, now_ns);
    }
}

static void leave(struct cluster *c, int64_t now_ns) {
    if (c->calls[CALL_RECORD].under_way || c->calls[CALL_GRANT].under_way) {
        return;
    }
    if (c->lease == 0 || now_ns >= c->leave_until_ns + RECORD_GRACE_LEASES * c->config.lease_ns) {
        c->record = RECORD_GONE;
        c->incarnation = 0;
    } else if (c->record == RECORD_NONE || may_go(c, now_ns)) {
        if (cluster_call_can(c, CALL_REVOKE, now_ns)) {
            const struct store_op op = {.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = c->lease}};

            cluster_call_one(c, CALL_REVOKE, op, now_ns + c->config.lease_ns, now_ns);
        }
    } else if (c->record == RECORD_SERVING && cluster_call_can(c, CALL_RECORD, now_ns) && write_text(c, true)) {
        ask_to_leave(c, now_ns);
    }
}

void cluster_record_run(struct cluster *c, int64_t now_ns) {
    if (c->record == RECORD_GONE) {
        return;
    }
    look_for_it(c, now_ns);
    if (c->lease != 0 && cluster_call_can(c, CALL_RENEW, now_ns)) {
        ask_lease(c, CALL_RENEW, now_ns);
    }
    if (c->leaving) {
        leave(c, now_ns);
    } else if (c->record == RECORD_NONE && c->listed) {
        join(c, now_ns);
    }
}

void cluster_leave(struct cluster *c, int64_t now_ns) {
    if (!c->leaving) {
        c->leaving = true;
        c->leave_until_ns = now_ns + c->config.handoff_ns;
        c->calls[CALL_RECORD].due_ns = now_ns;
    }
}

bool cluster_has_left(const struct cluster *c) {
    return c->record == RECORD_GONE;
}
