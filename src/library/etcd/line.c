/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/call.h"
#include "library/etcd/line_entry.h"

/* Lines, for those who wait for what they do. */

enum larder_status line_enter(struct larder_etcd_lease *lease, const void *name, size_t name_size, struct slice value,
                              unsigned wait_ms, struct place **ret_place, char *ret_message) {
    struct line_entry *entry;
    struct place *place;
    enum larder_status status =
        line_entry_new(lease, name, name_size, value, watch_deadline(wait_ms), &entry, ret_message);
    bool is_in;

    if (status != LARDER_DONE) {
        return status;
    }
    do {
        status = line_entry_next(entry, ret_message);
    } while (status == LARDER_NOTHING && line_entry_wait(entry));
    is_in = line_entry_is_in(entry);
    place = line_entry_take(entry);
    line_entry_free(entry);
    if (status == LARDER_DONE) {
        *ret_place = place;
        return LARDER_DONE;
    }
    if (is_in) {
        (void)line_leave(place, NULL);
    }
    place_free(place);
    return status == LARDER_NOTHING ? LARDER_TAKEN : status;
}

enum larder_status line_exit(struct place *place, char *ret_message) {
    enum larder_status status = line_leave(place, ret_message);

    place_free(place);
    return status;
}

/* Nobody else writes the key, so what was lost on the way is sent again. *ret_repeated: it may have been done before. */
static enum larder_status change_own(const struct place *place, const struct line_txn *txn, bool *ret_repeated,
                                     char *ret_message) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status = call_do(place->lease->client, &txn->op, 0, true, &result);

    client_say(ret_message, status, result.message);
    if (status == LARDER_ERR_NO_LEASE || (status == LARDER_DONE && !result.answer.succeeded)) {
        status = client_say(ret_message, LARDER_ERR_LOST, larder_strerror(LARDER_ERR_LOST));
    }
    *ret_repeated = result.repeated;
    larder_etcd_result_free(&result);
    return status;
}

enum larder_status line_rewrite(struct place *place, struct slice value, char *ret_message) {
    enum larder_status status = place_status(place);
    struct line_txn txn;
    bool repeated;

    line_txn_rewrite(&txn, place, value);
    return status == LARDER_DONE ? change_own(place, &txn, &repeated, ret_message)
                                 : client_say(ret_message, status, larder_strerror(status));
}

enum larder_status line_leave(struct place *place, char *ret_message) {
    enum larder_status status = place_status(place);
    struct line_txn txn;
    bool repeated;

    if (status != LARDER_DONE) {
        return client_say(ret_message, status, larder_strerror(status));
    }
    line_txn_leave(&txn, place);
    status = change_own(place, &txn, &repeated, ret_message);
    return status == LARDER_ERR_LOST && repeated ? client_say(ret_message, LARDER_DONE, "") : status;
}
