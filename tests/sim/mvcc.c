/* SPDX-License-Identifier: Apache-2.0 */
#include "mvcc.h"

#include "clock.h"

enum { LEASE_FIRST = 7000, LEASE_TTL_MIN = 2 };

void mvcc_init(struct mvcc *m) {
    *m = (struct mvcc){.revision = 1, .next_lease = LEASE_FIRST};
    arena_init(&m->arena, SIZE_MAX / 2);
}

void mvcc_fini(struct mvcc *m) {
    for (size_t i = 0; i < m->key_count; i++) {
        free(m->keys[i].versions);
    }
    free(m->keys);
    free(m->changes);
    free(m->leases);
    arena_fini(&m->arena);
}

static void *grow(void *items, size_t count, size_t size) {
    void *more = realloc(items, (count + 1) * size);

    sim_must(more != NULL);
    return more;
}

static struct slice keep(struct mvcc *m, struct slice s) {
    struct slice copy = {0};

    sim_must(arena_copy(&m->arena, s, &copy));
    return copy;
}

/* --- reading --- */

bool mvcc_has(const struct store_span *span, struct slice key) {
    if (span->range_end.size == 0) {
        return slice_equal(span->key, key);
    }
    if (slice_compare(key, span->key) < 0 && !slice_equal(span->key, slice_make("", 1))) {
        return false;
    }
    return slice_equal(span->range_end, slice_make("", 1)) || slice_compare(key, span->range_end) < 0;
}

static const struct kv *version_at(const struct mvcc_key *key, int64_t revision) {
    for (size_t i = key->count; i-- > 0;) {
        const struct mvcc_version *version = &key->versions[i];

        if (version->kv.mod_revision <= revision) {
            return version->is_deleted ? NULL : &version->kv;
        }
    }
    return NULL;
}

const struct kv *mvcc_get(const struct mvcc *m, struct slice key, int64_t revision) {
    for (size_t i = 0; i < m->key_count; i++) {
        if (slice_equal(m->keys[i].name, key)) {
            return version_at(&m->keys[i], revision);
        }
    }
    return NULL;
}

static void turn_round(struct kv *kvs, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        struct kv kv = kvs[i];

        kvs[i] = kvs[count - 1 - i];
        kvs[count - 1 - i] = kv;
    }
}

/* What the model cannot do must not be asked of it. */
static void check_range(const struct store_range *range) {
    sim_must(range->order == STORE_SORT_NONE || range->target == STORE_SORT_KEY);
    sim_must(range->min_mod_revision == 0 && range->max_mod_revision == 0);
    sim_must(range->min_create_revision == 0 && range->max_create_revision == 0);
}

enum etcd_error mvcc_range(const struct mvcc *m, const struct store_range *range, int64_t revision, struct arena *arena,
                           struct store_result *result) {
    int64_t at = range->revision > 0 ? range->revision : revision;
    struct kv *kvs = arena_calloc(arena, m->key_count + 1, sizeof(*kvs));
    size_t count = 0;

    sim_must(kvs != NULL);
    check_range(range);
    if (at > revision || at < m->compacted) {
        return at > revision ? ETCD_ERROR_FUTURE_REV : ETCD_ERROR_COMPACTED;
    }
    for (size_t i = 0; i < m->key_count; i++) {
        const struct kv *kv = mvcc_has(&range->span, m->keys[i].name) ? version_at(&m->keys[i], at) : NULL;

        if (kv != NULL) {
            kvs[count] = *kv;
            kvs[count++].value = range->keys_only ? SLICE("") : kv->value;
        }
    }
    if (range->order == STORE_SORT_DESCEND) {
        turn_round(kvs, count);
    }
    *result = (struct store_result){.kind = STORE_OP_RANGE, .count = (int64_t)count, .kvs = kvs, .kv_count = count};
    if (range->count_only) {
        result->kv_count = 0;
    } else if (range->limit > 0 && count > (size_t)range->limit) {
        result->kv_count = (size_t)range->limit;
        result->more = true;
    }
    return ETCD_OK;
}

/* --- changing: `revision` is that of the change under way --- */

static struct mvcc_key *key_of(struct mvcc *m, struct slice name) {
    size_t place = 0;

    while (place < m->key_count && slice_compare(m->keys[place].name, name) < 0) {
        place++;
    }
    if (place == m->key_count || !slice_equal(m->keys[place].name, name)) {
        m->keys = grow(m->keys, m->key_count, sizeof(*m->keys));
        memmove(&m->keys[place + 1], &m->keys[place], (m->key_count - place) * sizeof(*m->keys));
        m->key_count++;
        m->keys[place] = (struct mvcc_key){.name = keep(m, name)};
    }
    return &m->keys[place];
}

static void change(struct mvcc *m, struct mvcc_key *key, const struct kv *kv, bool is_delete, int64_t now_ns) {
    const struct kv *before = version_at(key, INT64_MAX);
    struct mvcc_change record = {.kv = *kv, .is_delete = is_delete, .at_ns = now_ns, .has_previous = before != NULL};

    if (before != NULL) {
        record.previous = *before;
    }
    m->changes = grow(m->changes, m->change_count, sizeof(*m->changes));
    m->changes[m->change_count++] = record;
    key->versions = grow(key->versions, key->count, sizeof(*key->versions));
    key->versions[key->count++] = (struct mvcc_version){.kv = *kv, .is_deleted = is_delete};
}

static void put(struct mvcc *m, const struct store_put *op, int64_t revision, int64_t now_ns, struct arena *arena,
                struct store_result *result) {
    struct mvcc_key *key = key_of(m, op->key);
    const struct kv *before = version_at(key, revision);
    struct kv kv = {
        .key = key->name,
        .value = op->ignore_value ? before->value : keep(m, op->value),
        .lease = op->ignore_lease ? before->lease : op->lease,
        .create_revision = before != NULL ? before->create_revision : revision,
        .mod_revision = revision,
        .version = before != NULL ? before->version + 1 : 1,
    };

    *result = (struct store_result){.kind = STORE_OP_PUT};
    if (op->want_previous && before != NULL) {
        result->kvs = arena_calloc(arena, 1, sizeof(kv));
        sim_must(result->kvs != NULL);
        result->kvs[0] = *before;
        result->kv_count = 1;
    }
    change(m, key, &kv, false, now_ns);
}

static void delete_range(struct mvcc *m, const struct store_delete *op, int64_t revision, int64_t now_ns,
                         struct arena *arena, struct store_result *result) {
    struct kv *kvs = arena_calloc(arena, m->key_count + 1, sizeof(*kvs));

    sim_must(kvs != NULL);
    *result = (struct store_result){.kind = STORE_OP_DELETE, .kvs = kvs};
    for (size_t i = 0; i < m->key_count; i++) {
        const struct kv *kv = mvcc_has(&op->span, m->keys[i].name) ? version_at(&m->keys[i], revision) : NULL;

        if (kv != NULL) {
            kvs[result->count++] = *kv;
            change(m, &m->keys[i], &(struct kv){.key = kv->key, .mod_revision = revision}, true, now_ns);
        }
    }
    result->kv_count = op->want_previous ? (size_t)result->count : 0;
}

/* --- transactions --- */

static int order_of(const struct store_compare *compare, const struct kv *kv) {
    int64_t number = 0;

    if (compare->target == STORE_COMPARE_VALUE) {
        return slice_compare(kv->value, compare->value);
    }
    if (kv != NULL) {
        number = compare->target == STORE_COMPARE_VERSION  ? kv->version
                 : compare->target == STORE_COMPARE_CREATE ? kv->create_revision
                 : compare->target == STORE_COMPARE_MOD    ? kv->mod_revision
                                                           : kv->lease;
    }
    return (number > compare->number) - (number < compare->number);
}

static bool holds(const struct mvcc *m, const struct store_compare *compare, int64_t revision) {
    const struct kv *kv = mvcc_get(m, compare->span.key, revision);
    int order;

    sim_must(compare->span.range_end.size == 0);
    if (compare->target == STORE_COMPARE_VALUE && kv == NULL) {
        return false;
    }
    order = order_of(compare, kv);
    switch (compare->result) {
    case STORE_EQUAL:
        return order == 0;
    case STORE_GREATER:
        return order > 0;
    case STORE_LESS:
        return order < 0;
    default:
        return order != 0;
    }
}

static bool branch_of(const struct mvcc *m, const struct store_txn *txn, int64_t revision,
                      const struct store_op **ret_ops, size_t *ret_count) {
    bool good = true;

    for (size_t i = 0; i < txn->compare_count; i++) {
        good = good && holds(m, &txn->compares[i], revision);
    }
    *ret_ops = good ? txn->success : txn->failure;
    *ret_count = good ? txn->success_count : txn->failure_count;
    return good;
}

/* Why a put cannot be; in a transaction it keeps all of it from being. */
static enum etcd_error check_put(struct mvcc *m, const struct store_put *op) {
    if (op->lease != 0 && mvcc_lease(m, op->lease) == NULL) {
        return ETCD_ERROR_LEASE_NOT_FOUND;
    }
    if ((op->ignore_value || op->ignore_lease) && mvcc_get(m, op->key, INT64_MAX) == NULL) {
        return ETCD_ERROR_KEY_NOT_FOUND;
    }
    return op->key.size == 0 ? ETCD_ERROR_EMPTY_KEY : ETCD_OK;
}

static enum etcd_error check(struct mvcc *m, const struct store_op *op) {
    const struct store_op *ops;
    size_t count;

    if (op->kind == STORE_OP_PUT) {
        return check_put(m, &op->put);
    }
    if (op->kind == STORE_OP_TXN) {
        (void)branch_of(m, &op->txn, INT64_MAX, &ops, &count);
        for (size_t i = 0; i < count; i++) {
            enum etcd_error error = check(m, &ops[i]);

            if (error != ETCD_OK) {
                return error;
            }
        }
    }
    return ETCD_OK;
}

static enum etcd_error run(struct mvcc *m, const struct store_op *op, int64_t revision, int64_t now_ns,
                           struct arena *arena, struct store_result *result) {
    const struct store_op *ops;
    size_t count;

    switch (op->kind) {
    case STORE_OP_PUT:
        put(m, &op->put, revision, now_ns, arena, result);
        return ETCD_OK;
    case STORE_OP_DELETE:
        delete_range(m, &op->delete, revision, now_ns, arena, result);
        return ETCD_OK;
    case STORE_OP_RANGE:
        return mvcc_range(m, &op->range, revision, arena, result);
    default:
        sim_must(op->kind == STORE_OP_TXN);
        *result = (struct store_result){.kind = STORE_OP_TXN};
        result->succeeded = branch_of(m, &op->txn, revision, &ops, &count);
        result->results = arena_calloc(arena, count + 1, sizeof(*result->results));
        sim_must(result->results != NULL);
        result->result_count = count;
        for (size_t i = 0; i < count; i++) {
            sim_must(run(m, &ops[i], revision, now_ns, arena, &result->results[i]) == ETCD_OK);
        }
        return ETCD_OK;
    }
}

enum etcd_error mvcc_read_txn(struct mvcc *m, const struct store_op *op, int64_t revision, struct arena *arena,
                              struct store_result *result) {
    return run(m, op, revision, 0, arena, result);
}

bool mvcc_may_change(const struct store_op *op) {
    if (op->kind == STORE_OP_TXN) {
        for (size_t i = 0; i < op->txn.success_count; i++) {
            if (mvcc_may_change(&op->txn.success[i])) {
                return true;
            }
        }
        for (size_t i = 0; i < op->txn.failure_count; i++) {
            if (mvcc_may_change(&op->txn.failure[i])) {
                return true;
            }
        }
    }
    return op->kind == STORE_OP_PUT || op->kind == STORE_OP_DELETE;
}

/* --- leases --- */

struct mvcc_lease *mvcc_lease(struct mvcc *m, int64_t id) {
    for (size_t i = 0; i < m->lease_count; i++) {
        if (m->leases[i].id == id) {
            return &m->leases[i];
        }
    }
    return NULL;
}

static enum etcd_error grant(struct mvcc *m, const struct store_lease *op, int64_t now_ns,
                             struct store_result *result) {
    struct mvcc_lease lease = {.id = op->id != 0 ? op->id : m->next_lease++,
                               .ttl = op->ttl < LEASE_TTL_MIN ? LEASE_TTL_MIN : op->ttl};

    if (op->ttl > STORE_LEASE_TTL_MAX) {
        return ETCD_ERROR_LEASE_TTL_TOO_LARGE;
    }
    if (mvcc_lease(m, lease.id) != NULL) {
        return ETCD_ERROR_LEASE_EXIST;
    }
    lease.end_ns = now_ns + lease.ttl * SIM_S;
    m->leases = grow(m->leases, m->lease_count, sizeof(*m->leases));
    m->leases[m->lease_count++] = lease;
    *result = (struct store_result){.kind = STORE_OP_LEASE_GRANT, .lease = lease.id, .ttl = lease.ttl};
    return ETCD_OK;
}

static enum etcd_error revoke(struct mvcc *m, int64_t id, int64_t now_ns) {
    struct mvcc_lease *lease = mvcc_lease(m, id);
    bool changed = false;

    if (lease == NULL) {
        return ETCD_ERROR_LEASE_NOT_FOUND;
    }
    *lease = m->leases[--m->lease_count];
    for (size_t i = 0; i < m->key_count; i++) {
        const struct kv *kv = version_at(&m->keys[i], INT64_MAX);

        if (kv != NULL && kv->lease == id) {
            m->revision += !changed;
            changed = true;
            change(m, &m->keys[i], &(struct kv){.key = kv->key, .mod_revision = m->revision}, true, now_ns);
        }
    }
    return ETCD_OK;
}

static enum etcd_error compact(struct mvcc *m, int64_t revision) {
    if (revision <= m->compacted || revision > m->revision) {
        return revision <= m->compacted ? ETCD_ERROR_COMPACTED : ETCD_ERROR_FUTURE_REV;
    }
    m->compacted = revision;
    return ETCD_OK;
}

enum etcd_error mvcc_apply(struct mvcc *m, const struct store_op *op, int64_t now_ns, struct arena *arena,
                           struct store_result *result) {
    size_t before = m->change_count;
    enum etcd_error error = check(m, op);

    *result = (struct store_result){.kind = op->kind};
    if (error != ETCD_OK) {
        return error;
    }
    switch (op->kind) {
    case STORE_OP_COMPACT:
        return compact(m, op->compact_revision);
    case STORE_OP_LEASE_GRANT:
        return grant(m, &op->lease, now_ns, result);
    case STORE_OP_LEASE_REVOKE:
        return revoke(m, op->lease.id, now_ns);
    default:
        error = run(m, op, m->revision + 1, now_ns, arena, result);
        m->revision += m->change_count > before;
        return error;
    }
}
