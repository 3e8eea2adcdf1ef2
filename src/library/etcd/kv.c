/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/call.h"
#include "library/etcd/translate.h"

/* Keys and values: operations, and the usual ones in short. */

static enum larder_status run(struct larder_etcd *client, enum larder_etcd_op_kind kind, const struct store_op *op,
                              const struct larder_etcd_how *how, struct larder_etcd_result *result) {
    enum larder_status status;
    struct call c;

    call_init(&c);
    c.call.op = *op;
    c.call.retry_unknown = how != NULL && how->retry_unknown;
    c.parent = call_parent(how);
    call_run(client, &c, call_deadline(client, how));
    status = call_take_op(client, kind, &c.call, result);
    call_fini(&c);
    return status;
}

enum larder_status larder_etcd_run(struct larder_etcd *client, const struct larder_etcd_op *op,
                                   const struct larder_etcd_how *how, struct larder_etcd_result *result) {
    struct store_op made = {.kind = STORE_OP_NONE};
    struct arena arena;
    enum larder_status status;
    const char *why = "";

    if (client_is_foreign(client)) {
        return call_fail(result, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    arena_init(&arena, TRANSLATION_MAX);
    status = translate_op(op, &arena, &made, &why);
    status = status == LARDER_DONE ? run(client, op->kind, &made, how, result) : call_fail(result, status, why);
    arena_fini(&arena);
    return status;
}

enum larder_status larder_etcd_get(struct larder_etcd *client, const void *key, size_t key_size,
                                   struct larder_etcd_result *result) {
    struct larder_etcd_op op = {.kind = LARDER_ETCD_RANGE, .range = {.span = {.key = key, .key_size = key_size}}};
    enum larder_status status = larder_etcd_run(client, &op, NULL, result);

    return status == LARDER_DONE ? call_name(result, result->answer.kv_count > 0 ? LARDER_HIT : LARDER_MISS) : status;
}

enum larder_status larder_etcd_put(struct larder_etcd *client, const void *key, size_t key_size, const void *value,
                                   size_t value_size, int64_t lease, struct larder_etcd_result *result) {
    struct larder_etcd_op op = {
        .kind = LARDER_ETCD_PUT,
        .put = {.key = key, .key_size = key_size, .value = value, .value_size = value_size, .lease = lease}};

    return larder_etcd_run(client, &op, NULL, result);
}

enum larder_status larder_etcd_delete(struct larder_etcd *client, const void *key, size_t key_size,
                                      struct larder_etcd_result *result) {
    struct larder_etcd_op op = {.kind = LARDER_ETCD_DELETE, .remove = {.span = {.key = key, .key_size = key_size}}};

    return larder_etcd_run(client, &op, NULL, result);
}

enum larder_status larder_etcd_list(struct larder_etcd *client, const void *prefix, size_t prefix_size, int64_t limit,
                                    struct larder_etcd_result *result) {
    struct larder_etcd_op op = {
        .kind = LARDER_ETCD_RANGE,
        .range = {.span = {.key = prefix, .key_size = prefix_size, .which = LARDER_ETCD_PREFIX}, .limit = limit}};

    return larder_etcd_run(client, &op, NULL, result);
}
