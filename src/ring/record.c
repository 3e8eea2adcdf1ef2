/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/record.h"

#include <limits.h>
#include <string.h>

#include "base/number.h"

#define STATE_SERVING "serving"
#define STATE_LEAVING "leaving"

enum { PORT_MAX = 65535 };

/* HOST:PORT. What the host means is for those to find out who connect to it. */
static bool address_is_good(struct slice address) {
    size_t host = address.size;
    uint64_t port;

    if (address.size > MEMBER_ADDRESS_MAX) {
        return false;
    }
    for (size_t i = 0; i < address.size; i++) {
        if (address.data[i] <= ' ' || address.data[i] > '~') {
            return false;
        }
    }
    while (host > 0 && address.data[host - 1] != ':') {
        host--;
    }
    return host > 1 && number_parse_u64(slice_skip(address, host), &port) && port > 0 && port <= PORT_MAX;
}

/* Empty if it is no text. */
static struct slice text_of(const json_t *json, const char *name) {
    const json_t *text = json_object_get(json, name);

    return slice_make(json_string_value(text), json_string_length(text));
}

static bool read_algorithm(const json_t *json, unsigned *ret_algorithm) {
    const json_t *number = json_object_get(json, "ring");
    json_int_t value = json_integer_value(number);

    if (!json_is_integer(number) || value < 1 || value > UINT_MAX) {
        return false;
    }
    *ret_algorithm = (unsigned)value;
    return true;
}

/* A state that we do not know says that we do not know who owns what: no record of ours. */
static bool read_state(const json_t *json, bool *ret_leaving) {
    struct slice state = text_of(json, "state");

    *ret_leaving = slice_equal(state, SLICE(STATE_LEAVING));
    return *ret_leaving || slice_equal(state, SLICE(STATE_SERVING));
}

static bool read_fields(const json_t *json, struct member *ret_member) {
    ret_member->address = text_of(json, "address");
    return slice_equal(text_of(json, "id"), ret_member->id) && address_is_good(ret_member->address) &&
           read_algorithm(json, &ret_member->algorithm) && read_state(json, &ret_member->leaving);
}

enum larder_error record_read(struct slice id, const struct kv *kv, struct record *ret_record) {
    struct record record = {.member = {.id = id, .incarnation = kv->create_revision}};
    json_error_t error;

    if (member_id_problem(id) != NULL || kv->value.size == 0 || kv->value.size > MEMBER_RECORD_MAX) {
        return LARDER_ERROR_INVALID;
    }
    record.json = json_loadb(kv->value.data, kv->value.size, JSON_REJECT_DUPLICATES, &error);
    if (record.json == NULL) {
        return json_error_code(&error) == json_error_out_of_memory ? LARDER_ERROR_NO_MEMORY : LARDER_ERROR_INVALID;
    }
    if (!read_fields(record.json, &record.member)) {
        record_fini(&record);
        return LARDER_ERROR_INVALID;
    }
    *ret_record = record;
    return LARDER_OK;
}

void record_fini(struct record *record) {
    json_decref(record->json);
    record->json = NULL;
}

/* Appends what jansson writes. */
static enum larder_error write_json(const json_t *json, struct buf *out) {
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    enum larder_error error;

    if (size == 0) {
        return LARDER_ERROR_NO_MEMORY;
    }
    error = buf_reserve(out, size);
    if (error != LARDER_OK) {
        return error;
    }
    if (json_dumpb(json, out->data + out->size, size, JSON_COMPACT) != size) {
        return LARDER_ERROR_NO_MEMORY;
    }
    out->size += size;
    return LARDER_OK;
}

enum larder_error member_record_write(const struct member *member, struct buf *out) {
    json_t *json = json_pack("{s:s%,s:s%,s:I,s:s,s:s}", "id", member->id.data, member->id.size, "address",
                             member->address.data, member->address.size, "ring", (json_int_t)member->algorithm, "state",
                             member->leaving ? STATE_LEAVING : STATE_SERVING, "version", LARDER_VERSION);
    enum larder_error error;

    if (json == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    error = write_json(json, out);
    json_decref(json);
    return error;
}
