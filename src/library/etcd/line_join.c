/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "library/etcd/call.h"
#include "library/etcd/line.h"
#include "library/memory.h"
#include "store/span.h"

/* A place: made, put into the line, changed, and given up. */

enum { LEASE_HEX_MAX = 16 };

/* --- making --- */

/* False: the lease has such a place already. */
static bool list_place(struct place *place) {
    struct larder_etcd_lease *lease = place->lease;
    struct place *other;

    pthread_mutex_lock(&lease->lock);
    other = lease->places;
    while (other != NULL && !slice_equal(place_key(other), place_key(place))) {
        other = other->next;
    }
    if (other == NULL) {
        place->next = lease->places;
        lease->places = place;
    }
    pthread_mutex_unlock(&lease->lock);
    return other == NULL;
}

static void unlist_place(struct place *place) {
    struct larder_etcd_lease *lease = place->lease;
    struct place **at = &lease->places;

    pthread_mutex_lock(&lease->lock);
    while (*at != place) {
        at = &(*at)->next;
    }
    *at = place->next;
    pthread_mutex_unlock(&lease->lock);
}

enum larder_status line_check(const struct larder_etcd *client, size_t name_size, char *ret_message) {
    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    if (name_size == 0) {
        return client_say(ret_message, LARDER_ERR_KEY, "the name is empty");
    }
    return name_size > LARDER_ETCD_NAME_MAX ? client_say(ret_message, LARDER_ERR_TOO_LARGE, "the name is too long")
                                            : LARDER_DONE;
}

/* The key: the name, a slash, the lease in hex without zeros in front. */
static bool write_key(struct place *place, const void *name, size_t name_size) {
    char *key = memory_new(&place->lease->client->allocator, name_size + 1 + LEASE_HEX_MAX + 1);

    if (key == NULL) {
        return false;
    }
    memcpy(key, name, name_size);
    place->key = key;
    place->prefix_size = name_size + 1;
    place->key_size =
        name_size + (size_t)snprintf(key + name_size, LEASE_HEX_MAX + 2, "/%" PRIx64, (uint64_t)place->lease->id);
    return true;
}

static enum larder_status fill_place(struct place *place, const void *name, size_t name_size, char *ret_message) {
    if (!write_key(place, name, name_size)) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    if (!list_place(place)) {
        memory_free(&place->lease->client->allocator, place->key);
        return client_say(ret_message, LARDER_ERR_BUSY, "the lease stands in that line already");
    }
    return LARDER_DONE;
}

enum larder_status place_new(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                             struct place **ret_place, char *ret_message) {
    const struct larder_allocator *allocator = &lease->client->allocator;
    enum larder_status status = line_check(lease->client, name_size, ret_message);
    struct place *place;

    if (status != LARDER_DONE) {
        return status;
    }
    place = memory_new(allocator, sizeof(*place));
    if (place == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    place->lease = lease;
    status = fill_place(place, name, name_size, ret_message);
    if (status != LARDER_DONE) {
        memory_free(allocator, place);
        return status;
    }
    *ret_place = place;
    return LARDER_DONE;
}

void place_free(struct place *place) {
    const struct larder_allocator *allocator = &place->lease->client->allocator;

    if (!client_is_foreign(place->lease->client)) {
        unlist_place(place);
    }
    memory_free(allocator, place->key);
    memory_free(allocator, place);
}

enum larder_status place_status(const struct place *place) {
    return larder_etcd_lease_status(place->lease);
}

/* --- asking --- */

struct slice line_write_prefix(const void *name, size_t name_size, char *to) {
    memcpy(to, name, name_size);
    to[name_size] = '/';
    return slice_make(to, name_size + 1);
}

void line_first_op(struct slice prefix, char *end, struct store_op *ret_op) {
    *ret_op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = store_span_of_prefix(prefix, end),
                  .limit = 1,
                  .order = STORE_SORT_ASCEND,
                  .target = STORE_SORT_CREATE},
    };
}

/* Nobody else writes the key, so what was lost on the way is sent again. */
static enum larder_status ask(const struct place *place, const struct store_txn *txn, struct larder_etcd_result *result,
                              char *ret_message) {
    struct store_op op = {.kind = STORE_OP_TXN, .txn = *txn};
    enum larder_status status = call_do(place->lease->client, &op, 0, true, result);

    return client_say(ret_message, status, result->message);
}

static struct store_compare compare_create(const struct place *place, int64_t revision) {
    return (struct store_compare){
        .span = {.key = place_key(place)}, .result = STORE_EQUAL, .target = STORE_COMPARE_CREATE, .number = revision};
}

/* Of a key that may be there or not, the lease is all that is known. */
static struct store_compare compare_own(const struct place *place) {
    struct store_compare compare = compare_create(place, place->revision);

    if (place->revision == 0) {
        compare.target = STORE_COMPARE_LEASE;
        compare.number = place->lease->id;
    }
    return compare;
}

static struct store_op put_op(const struct place *place, struct slice value) {
    return (struct store_op){.kind = STORE_OP_PUT,
                             .put = {.key = place_key(place), .value = value, .lease = place->lease->id}};
}

/* What the transaction of line_join has found. */
static enum larder_status take_place(struct place *place, struct slice value, const struct larder_etcd_result *result,
                                     bool *ret_is_first, char *ret_message) {
    const struct larder_etcd_answer *own = &result->answer.answers[0], *first = &result->answer.answers[1];
    bool other_value = false;

    place->revision = result->revision;
    if (!result->answer.succeeded) {
        const struct larder_etcd_kv *kv = own->kvs;

        place->revision = kv->create_revision;
        other_value = !slice_equal(slice_make(kv->value, kv->value_size), value);
    }
    *ret_is_first = first->kv_count == 0 || first->kvs[0].create_revision == place->revision;
    return other_value ? line_rewrite(place, value, ret_message) : LARDER_DONE;
}

enum larder_status line_join(struct place *place, struct slice value, bool *ret_is_first, char *ret_message) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct store_compare absent = compare_create(place, 0);
    char *end = memory_new(&place->lease->client->allocator, place->prefix_size);
    struct store_op success[2] = {put_op(place, value)}, failure[2];
    struct store_txn txn = {.compares = &absent,
                            .compare_count = 1,
                            .success = success,
                            .success_count = 2,
                            .failure = failure,
                            .failure_count = 2};
    enum larder_status status;

    if (end == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    line_first_op(place_prefix(place), end, &success[1]);
    failure[0] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = place_key(place)}}};
    failure[1] = success[1];
    status = ask(place, &txn, &result, ret_message);
    if (status == LARDER_DONE) {
        status = take_place(place, value, &result, ret_is_first, ret_message);
    } else if (status == LARDER_ERR_NO_LEASE) {
        status = client_say(ret_message, LARDER_ERR_LOST, larder_strerror(LARDER_ERR_LOST));
    }
    memory_free(&place->lease->client->allocator, end);
    larder_etcd_result_free(&result);
    return status;
}

/* Does something with the key, if it is the one that was put. *ret_repeated: it may have been done before. */
static enum larder_status change_own(struct place *place, const struct store_op *op, bool *ret_repeated,
                                     char *ret_message) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct store_compare same = compare_own(place);
    struct store_txn txn = {.compares = &same, .compare_count = 1, .success = op, .success_count = 1};
    enum larder_status status = ask(place, &txn, &result, ret_message);

    if (status == LARDER_ERR_NO_LEASE || (status == LARDER_DONE && !result.answer.succeeded)) {
        status = client_say(ret_message, LARDER_ERR_LOST, larder_strerror(LARDER_ERR_LOST));
    }
    *ret_repeated = result.repeated;
    larder_etcd_result_free(&result);
    return status;
}

enum larder_status line_rewrite(struct place *place, struct slice value, char *ret_message) {
    struct store_op put = put_op(place, value);
    enum larder_status status = place_status(place);
    bool repeated;

    return status == LARDER_DONE ? change_own(place, &put, &repeated, ret_message)
                                 : client_say(ret_message, status, larder_strerror(status));
}

enum larder_status line_leave(struct place *place, char *ret_message) {
    struct store_op delete = {.kind = STORE_OP_DELETE, .delete = {.span = {.key = place_key(place)}}};
    enum larder_status status = place_status(place);
    bool repeated;

    if (status != LARDER_DONE) {
        return client_say(ret_message, status, larder_strerror(status));
    }
    status = change_own(place, &delete, &repeated, ret_message);
    return status == LARDER_ERR_LOST && repeated ? client_say(ret_message, LARDER_DONE, "") : status;
}
