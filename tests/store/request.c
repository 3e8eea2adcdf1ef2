/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "driver.h"
#include "proto/memcached/base64.h"

int64_t request_number(json_t *line, const char *name) {
    return json_integer_value(json_object_get(line, name));
}

static bool flag(json_t *line, const char *name) {
    return json_is_true(json_object_get(line, name));
}

static bool bytes(json_t *line, const char *name, struct arena *arena, struct slice *ret_bytes, const char **ret_why) {
    const json_t *member = json_object_get(line, name);
    struct slice text = slice_make(json_string_value(member), json_string_length(member));
    char *out;

    *ret_bytes = SLICE("");
    if (text.size == 0) {
        return true;
    }
    out = arena_alloc(arena, text.size);
    if (out == NULL || !base64_decode(text, out, &ret_bytes->size)) {
        *ret_why = out == NULL ? "the request is too large" : "not base64";
        return false;
    }
    ret_bytes->data = out;
    return true;
}

/* The place of a word in a list; an absent member is the first. */
static bool word(json_t *line, const char *name, const char *const *words, size_t count, unsigned *ret_place,
                 const char **ret_why) {
    const char *said = json_string_value(json_object_get(line, name));

    for (unsigned i = 0; i < count; i++) {
        if (said == NULL || strcmp(said, words[i]) == 0) {
            *ret_place = i;
            return true;
        }
    }
    *ret_why = "a word that is not known";
    return false;
}

#define WORD(line, name, words, ret_place, ret_why)                                                                    \
    word(line, name, words, sizeof(words) / sizeof((words)[0]), ret_place, ret_why)

static bool span(json_t *line, struct arena *arena, struct store_span *ret_span, const char **ret_why) {
    return bytes(line, "key", arena, &ret_span->key, ret_why) &&
           bytes(line, "range_end", arena, &ret_span->range_end, ret_why);
}

/* --- one function for each kind --- */

typedef bool request_fn(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why);

static bool read_range(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    static const char *const orders[] = {"NONE", "ASCEND", "DESCEND"};
    static const char *const targets[] = {"KEY", "VERSION", "CREATE", "MOD", "VALUE"};
    unsigned order;
    unsigned target;

    if (!WORD(line, "sort_order", orders, &order, ret_why) || !WORD(line, "sort_target", targets, &target, ret_why)) {
        return false;
    }
    ret_op->range = (struct store_range){
        .revision = request_number(line, "revision"),
        .limit = request_number(line, "limit"),
        .order = (enum store_sort_order)order,
        .target = (enum store_sort_target)target,
        .serializable = flag(line, "serializable"),
        .keys_only = flag(line, "keys_only"),
        .count_only = flag(line, "count_only"),
        .min_mod_revision = request_number(line, "min_mod_revision"),
        .max_mod_revision = request_number(line, "max_mod_revision"),
        .min_create_revision = request_number(line, "min_create_revision"),
        .max_create_revision = request_number(line, "max_create_revision"),
    };
    return span(line, arena, &ret_op->range.span, ret_why);
}

static bool read_put(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    ret_op->put = (struct store_put){
        .lease = request_number(line, "lease"),
        .want_previous = flag(line, "prev_kv"),
        .ignore_value = flag(line, "ignore_value"),
        .ignore_lease = flag(line, "ignore_lease"),
    };
    return bytes(line, "key", arena, &ret_op->put.key, ret_why) &&
           bytes(line, "value", arena, &ret_op->put.value, ret_why);
}

static bool read_delete(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    ret_op->delete = (struct store_delete){.want_previous = flag(line, "prev_kv")};
    return span(line, arena, &ret_op->delete.span, ret_why);
}

static bool read_compare(json_t *line, struct arena *arena, struct store_compare *ret_compare, const char **ret_why) {
    static const char *const results[] = {"EQUAL", "GREATER", "LESS", "NOT_EQUAL"};
    static const char *const targets[] = {"VERSION", "CREATE", "MOD", "VALUE", "LEASE"};
    unsigned result;
    unsigned target;

    if (!WORD(line, "result", results, &result, ret_why) || !WORD(line, "target", targets, &target, ret_why)) {
        return false;
    }
    *ret_compare = (struct store_compare){
        .result = (enum store_compare_result)result,
        .target = (enum store_compare_target)target,
        .number = request_number(line, "number"),
    };
    return span(line, arena, &ret_compare->span, ret_why) && bytes(line, "value", arena, &ret_compare->value, ret_why);
}

static bool read_branch(json_t *list, struct arena *arena, const struct store_op **ret_ops, size_t *ret_count,
                        const char **ret_why) {
    size_t count = json_array_size(list);
    struct store_op *ops = arena_calloc(arena, count + 1, sizeof(*ops));

    if (ops == NULL) {
        *ret_why = "the request is too large";
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!request_op(json_array_get(list, i), arena, &ops[i], ret_why)) {
            return false;
        }
    }
    *ret_ops = ops;
    *ret_count = count;
    return true;
}

static bool read_txn(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    json_t *list = json_object_get(line, "compare");
    struct store_txn txn = {.compare_count = json_array_size(list)};
    struct store_compare *compares = arena_calloc(arena, txn.compare_count + 1, sizeof(*compares));

    if (compares == NULL) {
        *ret_why = "the request is too large";
        return false;
    }
    for (size_t i = 0; i < txn.compare_count; i++) {
        if (!read_compare(json_array_get(list, i), arena, &compares[i], ret_why)) {
            return false;
        }
    }
    txn.compares = compares;
    if (!read_branch(json_object_get(line, "success"), arena, &txn.success, &txn.success_count, ret_why) ||
        !read_branch(json_object_get(line, "failure"), arena, &txn.failure, &txn.failure_count, ret_why)) {
        return false;
    }
    ret_op->txn = txn;
    return true;
}

static bool read_compact(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    (void)arena;
    (void)ret_why;
    ret_op->compact_revision = request_number(line, "revision");
    return true;
}

static bool read_lease(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    (void)arena;
    (void)ret_why;
    ret_op->lease = (struct store_lease){
        .id = request_number(line, "lease"),
        .ttl = request_number(line, "ttl"),
        .want_keys = flag(line, "keys"),
    };
    return true;
}

static const struct {
    const char *name;
    enum store_op_kind kind;
    request_fn *read;
} kinds[] = {
    {"range", STORE_OP_RANGE, read_range},         {"put", STORE_OP_PUT, read_put},
    {"delete", STORE_OP_DELETE, read_delete},      {"txn", STORE_OP_TXN, read_txn},
    {"compact", STORE_OP_COMPACT, read_compact},   {"grant", STORE_OP_LEASE_GRANT, read_lease},
    {"revoke", STORE_OP_LEASE_REVOKE, read_lease}, {"keep_alive", STORE_OP_LEASE_KEEP_ALIVE, read_lease},
    {"ttl", STORE_OP_LEASE_TTL, read_lease},       {"leases", STORE_OP_LEASE_LIST, read_lease},
};

bool request_op(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why) {
    const char *name = json_string_value(json_object_get(line, "op"));

    for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *ret_op = (struct store_op){.kind = kinds[i].kind};
            return kinds[i].read(line, arena, ret_op, ret_why);
        }
    }
    *ret_why = "an operation that is not known";
    return false;
}

bool request_watch(json_t *line, struct arena *arena, struct store_watch *ret_watch, const char **ret_why) {
    *ret_watch = (struct store_watch){
        .start_revision = request_number(line, "start_revision"),
        .want_previous = flag(line, "prev_kv"),
        .no_put = flag(line, "no_put"),
        .no_delete = flag(line, "no_delete"),
    };
    return span(line, arena, &ret_watch->span, ret_why);
}
