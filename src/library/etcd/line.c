/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line.h"

#include "library/etcd/call.h"
#include "library/etcd/watch.h"
#include "library/memory.h"
#include "store/span.h"

/* Waiting in a line, for the one before. */

/* Who is before a place: the youngest of those who are older. In the same moment it is seen that the place is still there. */
static enum larder_status find_before(const struct place *place, char *end, struct larder_etcd_result *result) {
    struct store_compare same = {.span = {.key = place_key(place)},
                                 .result = STORE_EQUAL,
                                 .target = STORE_COMPARE_CREATE,
                                 .number = place->revision};
    struct store_op before = {
        .kind = STORE_OP_RANGE,
        .range = {.span = store_span_of_prefix(place_prefix(place), end),
                  .limit = 1,
                  .order = STORE_SORT_DESCEND,
                  .target = STORE_SORT_CREATE,
                  .keys_only = true,
                  .max_create_revision = place->revision - 1},
    };
    struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &same, .compare_count = 1, .success = &before, .success_count = 1},
    };
    enum larder_status status = call_do(place->lease->client, &op, 0, false, result);

    return status == LARDER_DONE && !result->answer.succeeded
               ? call_fail(result, LARDER_ERR_LOST, larder_strerror(LARDER_ERR_LOST))
               : status;
}

/* DONE: it may be worth to look again. */
static enum larder_status wait_for_deletion(const struct place *place, const struct larder_etcd_result *found,
                                            int64_t deadline_ns) {
    const struct larder_etcd_kv *kv = &found->answer.answers[0].kvs[0];
    struct store_watch wish = {
        .span = {.key = slice_make(kv->key, kv->key_size)}, .start_revision = found->revision + 1, .no_put = true};
    struct larder_etcd_watch *watch;
    enum larder_status status;

    if (clock_monotonic_ns() >= deadline_ns) {
        return LARDER_TAKEN;
    }
    status = watch_open(place->lease->client, &wish, -1, &watch);
    if (status != LARDER_DONE) {
        return status;
    }
    /* Progress alone is no deletion; a watch that ends, because of a compaction for instance, is a reason to look. */
    while (watch_wait(watch, place->lease->fd, deadline_ns) && watch->batch.count == 0 &&
           watch->batch.status == STORE_OK) {
        watch_done(watch);
    }
    status = watch->has_batch ? LARDER_DONE : LARDER_TAKEN;
    larder_etcd_watch_free(watch);
    return place_status(place) != LARDER_DONE ? LARDER_ERR_LOST : status;
}

static bool is_passing(enum larder_status status) {
    return status == LARDER_ERR_UNAVAILABLE || status == LARDER_ERR_TIMEOUT || status == LARDER_ERR_UNKNOWN;
}

/* Whether to ask again: the cluster may come back while the lease lives, and there is time. */
static bool goes_on(const struct place *place, enum larder_status status, int64_t deadline_ns) {
    return is_passing(status) && place_status(place) == LARDER_DONE && clock_monotonic_ns() < deadline_ns;
}

static enum larder_status wait_for_turn(const struct place *place, char *end, int64_t deadline_ns, char *ret_message) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status;
    bool again = true;

    do {
        status = find_before(place, end, &result);
        client_say(ret_message, status, result.message);
        again = goes_on(place, status, deadline_ns);
        if (status == LARDER_DONE && result.answer.answers[0].kv_count > 0) {
            status = wait_for_deletion(place, &result, deadline_ns);
            client_say(ret_message, status, larder_strerror(status));
            again = status == LARDER_DONE;
        }
    } while (again);
    larder_etcd_result_free(&result);
    return is_passing(status) && place_status(place) != LARDER_DONE
               ? client_say(ret_message, LARDER_ERR_LOST, larder_strerror(LARDER_ERR_LOST))
               : status;
}

static enum larder_status join(struct place *place, struct slice value, int64_t deadline_ns, bool *ret_is_first,
                               char *ret_message) {
    enum larder_status status;

    do {
        status = line_join(place, value, ret_is_first, ret_message);
    } while (goes_on(place, status, deadline_ns));
    return status;
}

static enum larder_status take(struct place *place, struct slice value, unsigned wait_ms, char *ret_message) {
    const struct larder_allocator *allocator = &place->lease->client->allocator;
    int64_t deadline_ns = watch_deadline(wait_ms);
    char *end = memory_new(allocator, place->prefix_size);
    enum larder_status status;
    bool is_first = false;

    if (end == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    status = join(place, value, deadline_ns, &is_first, ret_message);
    if (status == LARDER_DONE && !is_first) {
        status = wait_for_turn(place, end, deadline_ns, ret_message);
    }
    memory_free(allocator, end);
    return status;
}

enum larder_status line_enter(struct larder_etcd_lease *lease, const void *name, size_t name_size, struct slice value,
                              unsigned wait_ms, struct place **ret_place, char *ret_message) {
    struct place *place;
    enum larder_status status = place_new(lease, name, name_size, &place, ret_message);

    if (status != LARDER_DONE) {
        return status;
    }
    status = take(place, value, wait_ms, ret_message);
    if (status == LARDER_DONE) {
        *ret_place = place;
        return LARDER_DONE;
    }
    if (place->revision != 0 || status == LARDER_ERR_UNKNOWN) {
        (void)line_leave(place, NULL);
    }
    place_free(place);
    return status;
}

enum larder_status line_exit(struct place *place, char *ret_message) {
    enum larder_status status = line_leave(place, ret_message);

    place_free(place);
    return status;
}
