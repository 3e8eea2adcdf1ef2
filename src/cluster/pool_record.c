/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "cluster/pool_internal.h"

/* Our key in a pool, and the lease it stands under. */

enum { RENEWALS_IN_LEASE = 3 /* so two may be lost */ };

static const int64_t RENEW_NS = POOL_MEMBER_LEASE_S * CLOCK_NS_PER_S / RENEWALS_IN_LEASE;

static struct log_field group_field(const struct pool_member *m) {
    return log_slice("group", m->config.group);
}

static void lose_lease(struct pool_member *m) {
    m->lease = 0;
    m->put_revision = 0;
}

/* --- the lease --- */

static void ask_lease(struct pool_member *m, enum pool_call kind, int64_t now_ns) {
    const struct store_op op = {
        .kind = kind == POOL_CALL_GRANT ? STORE_OP_LEASE_GRANT : STORE_OP_LEASE_KEEP_ALIVE,
        .lease = {.id = m->lease, .ttl = POOL_MEMBER_LEASE_S},
    };

    m->calls[kind].due_ns = now_ns + RENEW_NS;
    pool_call_start(m, kind, op, now_ns);
}

void pool_grant_answered(struct pool_member *m, struct store_call *call, int64_t now_ns) {
    if (call->status != STORE_OK) {
        log_warn("the store grants no lease for this node's place in a pool", group_field(m),
                 log_string("reason", store_status_text(call->status)));
        pool_call_again(m, POOL_CALL_GRANT, now_ns);
        return;
    }
    m->lease = call->result.lease;
    m->calls[POOL_CALL_RENEW].due_ns = now_ns + RENEW_NS;
    m->calls[POOL_CALL_PUT].due_ns = now_ns;
}

void pool_renew_answered(struct pool_member *m, struct store_call *call, int64_t now_ns) {
    bool gone = call->status == STORE_LEASE_NOT_FOUND || (call->status == STORE_OK && call->result.ttl <= 0);

    if (call->op.lease.id != m->lease || (call->status == STORE_OK && !gone)) {
        return;
    }
    log_warn("the lease of this node's place in a pool was not renewed", group_field(m),
             log_string("reason", gone ? "it has run out" : store_status_text(call->status)));
    if (gone) {
        lose_lease(m);
        m->calls[POOL_CALL_GRANT].due_ns = now_ns;
    } else {
        pool_call_again(m, POOL_CALL_RENEW, now_ns);
    }
}

/* --- the key --- */

static void ask_put(struct pool_member *m, int64_t now_ns) {
    const struct store_op op = {.kind = STORE_OP_PUT,
                                .put = {.key = m->own_key, .value = m->config.self, .lease = m->lease}};

    pool_call_start(m, POOL_CALL_PUT, op, now_ns);
}

void pool_put_answered(struct pool_member *m, struct store_call *call, int64_t now_ns) {
    if (call->status == STORE_OK) {
        m->put_revision = call->revision;
        log_info("this node is in the pool", group_field(m), log_slice("key", m->own_key),
                 log_slice("self", m->config.self));
    } else if (call->status == STORE_LEASE_NOT_FOUND) {
        lose_lease(m);
        m->calls[POOL_CALL_GRANT].due_ns = now_ns;
    } else {
        log_warn("this node's place in a pool cannot be written", group_field(m),
                 log_string("reason", store_status_text(call->status)));
        pool_call_again(m, POOL_CALL_PUT, now_ns);
    }
}

static bool stands_in(const struct pool_member *m) {
    for (size_t i = 0; i < m->pool->count; i++) {
        if (slice_equal(m->pool->peers[i].key, m->own_key)) {
            return true;
        }
    }
    return false;
}

void pool_record_look(struct pool_member *m, int64_t now_ns) {
    if (m->put_revision == 0 || m->leaving || m->pool == NULL || m->pool->revision < m->put_revision || stands_in(m)) {
        return;
    }
    log_warn("this node's place in a pool is gone", group_field(m), log_slice("key", m->own_key));
    m->put_revision = 0;
    m->calls[POOL_CALL_PUT].due_ns = now_ns;
}

/* --- leaving --- */

void pool_revoke_answered(struct pool_member *m, struct store_call *call, int64_t now_ns) {
    if (call->status == STORE_OK || call->status == STORE_LEASE_NOT_FOUND) {
        m->left = true;
        lose_lease(m);
    } else {
        pool_call_again(m, POOL_CALL_REVOKE, now_ns);
    }
}

/* What may still be written is waited for. */
static bool is_writing(const struct pool_member *m) {
    return m->calls[POOL_CALL_GRANT].under_way || m->calls[POOL_CALL_PUT].under_way;
}

static void leave(struct pool_member *m, int64_t now_ns) {
    if (now_ns >= m->leave_until_ns) {
        log_warn("this node's place in a pool could not be taken out; it goes with its lease", group_field(m));
        m->left = true;
    } else if (is_writing(m)) {
        return;
    } else if (m->lease == 0) {
        m->left = true;
    } else if (machine_call_can(&m->calls[POOL_CALL_REVOKE], now_ns)) {
        const struct store_op op = {.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = m->lease}};

        pool_call_start(m, POOL_CALL_REVOKE, op, now_ns);
    }
}

void pool_member_leave(struct pool_member *m, int64_t now_ns) {
    if (!m->leaving) {
        m->leaving = true;
        m->leave_until_ns = now_ns + POOL_MEMBER_LEAVE_MS * CLOCK_NS_PER_MS;
    }
}

bool pool_member_has_left(const struct pool_member *m) {
    return m->left;
}

void pool_record_run(struct pool_member *m, int64_t now_ns) {
    if (m->left) {
        return;
    }
    if (m->lease != 0 && machine_call_can(&m->calls[POOL_CALL_RENEW], now_ns)) {
        ask_lease(m, POOL_CALL_RENEW, now_ns);
    }
    if (m->leaving) {
        leave(m, now_ns);
    } else if (m->lease == 0) {
        if (machine_call_can(&m->calls[POOL_CALL_GRANT], now_ns)) {
            ask_lease(m, POOL_CALL_GRANT, now_ns);
        }
    } else if (m->put_revision == 0 && machine_call_can(&m->calls[POOL_CALL_PUT], now_ns)) {
        ask_put(m, now_ns);
    }
}

static int64_t due_of(const struct pool_member *m, enum pool_call kind, bool wanted) {
    return wanted && !m->calls[kind].under_way ? m->calls[kind].due_ns : INT64_MAX;
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t pool_record_due(const struct pool_member *m) {
    int64_t due_ns = INT64_MAX;

    if (m->left) {
        return INT64_MAX;
    }
    due_ns = sooner(due_ns, due_of(m, POOL_CALL_RENEW, m->lease != 0));
    if (m->leaving) {
        due_ns = sooner(due_ns, due_of(m, POOL_CALL_REVOKE, m->lease != 0 && !is_writing(m)));
        return sooner(due_ns, m->leave_until_ns);
    }
    due_ns = sooner(due_ns, due_of(m, POOL_CALL_GRANT, m->lease == 0));
    return sooner(due_ns, due_of(m, POOL_CALL_PUT, m->lease != 0 && m->put_revision == 0));
}
