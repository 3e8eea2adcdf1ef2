/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_decode.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"

void decode_fail(const char *what, const json_t *request) {
    char *text = json_dumps(request, JSON_COMPACT | JSON_ENCODE_ANY);

    fprintf(stderr, "store-driver: %s: %.500s\n", what, text == NULL ? "" : text);
    exit(2);
}

/* --- plain members --- */

int64_t decode_integer(const json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);

    if (member != NULL && !json_is_integer(member)) {
        decode_fail(name, object);
    }
    return json_integer_value(member);
}

bool decode_bool(const json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);

    if (member != NULL && !json_is_boolean(member)) {
        decode_fail(name, object);
    }
    return json_is_true(member);
}

struct slice decode_bytes(const json_t *object, const char *name, struct arena *arena) {
    const json_t *member = json_object_get(object, name);
    struct slice text = slice_make(json_string_value(member), json_string_length(member));
    char *bytes;
    size_t size;

    if (member != NULL && !json_is_string(member)) {
        decode_fail(name, object);
    }
    if (text.size == 0) {
        return SLICE("");
    }
    bytes = arena_alloc(arena, text.size);
    if (bytes == NULL || !base64_decode(text, bytes, &size)) {
        decode_fail(name, object);
    }
    return slice_make(bytes, size);
}

struct store_span decode_span(const json_t *object, struct arena *arena) {
    return (struct store_span){
        .key = decode_bytes(object, "key", arena),
        .range_end = decode_bytes(object, "range_end", arena),
    };
}

/* Which of the words the member is; the first if it is left out. */
static int decode_word(const json_t *object, const char *name, const char *const *words) {
    const json_t *member = json_object_get(object, name);

    if (member == NULL) {
        return 0;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (json_is_string(member) && strcmp(json_string_value(member), words[i]) == 0) {
            return i;
        }
    }
    decode_fail(name, object);
}

/* --- operations --- */

static void decode_range(const json_t *object, struct arena *arena, struct store_op *op) {
    static const char *const orders[] = {"NONE", "ASCEND", "DESCEND", NULL};
    static const char *const targets[] = {"KEY", "VERSION", "CREATE", "MOD", "VALUE", NULL};

    op->range = (struct store_range){
        .span = decode_span(object, arena),
        .revision = decode_integer(object, "revision"),
        .limit = decode_integer(object, "limit"),
        .order = (enum store_sort_order)decode_word(object, "order", orders),
        .target = (enum store_sort_target)decode_word(object, "target", targets),
        .serializable = decode_bool(object, "serializable"),
        .keys_only = decode_bool(object, "keys_only"),
        .count_only = decode_bool(object, "count_only"),
        .min_mod_revision = decode_integer(object, "min_mod_revision"),
        .max_mod_revision = decode_integer(object, "max_mod_revision"),
        .min_create_revision = decode_integer(object, "min_create_revision"),
        .max_create_revision = decode_integer(object, "max_create_revision"),
    };
}

static void decode_put(const json_t *object, struct arena *arena, struct store_op *op) {
    op->put = (struct store_put){
        .key = decode_bytes(object, "key", arena),
        .value = decode_bytes(object, "value", arena),
        .lease = decode_integer(object, "lease"),
        .want_previous = decode_bool(object, "prev_kv"),
        .ignore_value = decode_bool(object, "ignore_value"),
        .ignore_lease = decode_bool(object, "ignore_lease"),
    };
}

static void decode_delete(const json_t *object, struct arena *arena, struct store_op *op) {
    op->delete = (struct store_delete){
        .span = decode_span(object, arena),
        .want_previous = decode_bool(object, "prev_kv"),
    };
}

/* The elements of an array, `size` bytes each, not filled in. */
static void *decode_array(const json_t *object, const char *name, struct arena *arena, size_t size,
                          const json_t **ret_array, size_t *ret_count) {
    void *elements;

    *ret_array = json_object_get(object, name);
    if (*ret_array != NULL && !json_is_array(*ret_array)) {
        decode_fail(name, object);
    }
    *ret_count = json_array_size(*ret_array);
    elements = arena_calloc(arena, *ret_count + 1, size);
    if (elements == NULL) {
        decode_fail("out of memory", object);
    }
    return elements;
}

static const struct store_compare *decode_compares(const json_t *object, struct arena *arena, size_t *ret_count) {
    static const char *const results[] = {"EQUAL", "GREATER", "LESS", "NOT_EQUAL", NULL};
    static const char *const targets[] = {"VERSION", "CREATE", "MOD", "VALUE", "LEASE", NULL};
    const json_t *array;
    struct store_compare *compares =
        decode_array(object, "compares", arena, sizeof(struct store_compare), &array, ret_count);

    for (size_t i = 0; i < *ret_count; i++) {
        const json_t *one = json_array_get(array, i);

        compares[i] = (struct store_compare){
            .span = decode_span(one, arena),
            .result = (enum store_compare_result)decode_word(one, "result", results),
            .target = (enum store_compare_target)decode_word(one, "target", targets),
            .number = decode_integer(one, "number"),
            .value = decode_bytes(one, "value", arena),
        };
    }
    return compares;
}

static const struct store_op *decode_branch(const json_t *object, const char *name, struct arena *arena,
                                            size_t *ret_count) {
    const json_t *array;
    struct store_op *ops = decode_array(object, name, arena, sizeof(struct store_op), &array, ret_count);

    for (size_t i = 0; i < *ret_count; i++) {
        if (!decode_op(json_array_get(array, i), arena, &ops[i])) {
            decode_fail(name, object);
        }
    }
    return ops;
}

static void decode_txn(const json_t *object, struct arena *arena, struct store_op *op) {
    struct store_txn txn = {0};

    txn.compares = decode_compares(object, arena, &txn.compare_count);
    txn.success = decode_branch(object, "success", arena, &txn.success_count);
    txn.failure = decode_branch(object, "failure", arena, &txn.failure_count);
    op->txn = txn;
}

static void decode_compact(const json_t *object, struct arena *arena, struct store_op *op) {
    (void)arena;
    op->compact_revision = decode_integer(object, "revision");
    op->compact_physical = decode_bool(object, "physical");
}

static void decode_note(const json_t *object, struct arena *arena, struct store_op *op) {
    op->note = (struct store_note){
        .name = decode_bytes(object, "name", arena),
        .value = decode_bytes(object, "value", arena),
    };
}

static void decode_lease(const json_t *object, struct arena *arena, struct store_op *op) {
    (void)arena;
    op->lease = (struct store_lease){
        .id = decode_integer(object, "id"),
        .ttl = decode_integer(object, "ttl"),
        .want_keys = decode_bool(object, "want_keys"),
    };
}

static void decode_nothing(const json_t *object, struct arena *arena, struct store_op *op) {
    (void)object;
    (void)arena;
    (void)op;
}

bool decode_op(const json_t *object, struct arena *arena, struct store_op *ret_op) {
    static const struct {
        const char *name;
        enum store_op_kind kind;
        void (*decode)(const json_t *object, struct arena *arena, struct store_op *op);
    } kinds[] = {
        {"range", STORE_OP_RANGE, decode_range},
        {"put", STORE_OP_PUT, decode_put},
        {"delete", STORE_OP_DELETE, decode_delete},
        {"txn", STORE_OP_TXN, decode_txn},
        {"compact", STORE_OP_COMPACT, decode_compact},
        {"lease_grant", STORE_OP_LEASE_GRANT, decode_lease},
        {"lease_revoke", STORE_OP_LEASE_REVOKE, decode_lease},
        {"lease_keep_alive", STORE_OP_LEASE_KEEP_ALIVE, decode_lease},
        {"lease_ttl", STORE_OP_LEASE_TTL, decode_lease},
        {"lease_list", STORE_OP_LEASE_LIST, decode_lease},
        {"note", STORE_OP_NOTE, decode_note},
        {"defragment", STORE_OP_DEFRAGMENT, decode_nothing},
    };
    const json_t *name = json_object_get(object, "op");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (json_is_string(name) && strcmp(json_string_value(name), kinds[i].name) == 0) {
            ret_op->kind = kinds[i].kind;
            kinds[i].decode(object, arena, ret_op);
            return true;
        }
    }
    return false;
}
