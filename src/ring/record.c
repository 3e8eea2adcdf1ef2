/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/record.h"

#include <limits.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/number.h"

#define STATE_SERVING "serving"
#define STATE_LEAVING "leaving"

enum { PORT_MAX = 65535, DEPTH_MAX = 16 /* of what stands in fields that are not ours */ };

enum field { FIELD_ID, FIELD_ADDRESS, FIELD_RING, FIELD_STATE, FIELD_COUNT };

static const struct slice field_names[FIELD_COUNT] = {SLICE("id"), SLICE("address"), SLICE("ring"), SLICE("state")};

/* What stands in the fields, as it stands there; no data: the field is not there. */
struct fields {
    struct slice raw[FIELD_COUNT];
};

/* HOST:PORT. What the host means is for those to find out who connect to it. */
static bool address_is_good(struct slice address) {
    size_t host = address.size;
    uint64_t port;

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

/* Whether the characters of a string are these. */
static bool is_text(struct slice raw, struct slice text) {
    char characters[MEMBER_RECORD_MAX];

    return slice_equal(slice_make(characters, json_unescape(raw, characters)), text);
}

/* The field of that name, or FIELD_COUNT. */
static enum field find_field(struct slice raw_name) {
    enum field field = 0;

    while (field < FIELD_COUNT && !is_text(raw_name, field_names[field])) {
        field++;
    }
    return field;
}

/* The value of a field, behind its colon. A field that comes twice might be read in another way elsewhere. */
static bool scan_field(struct json_scanner *s, enum field field, struct fields *f) {
    struct slice raw = {0};
    enum json_token token = json_next(s, &raw);

    if (field == FIELD_COUNT) {
        return json_skip(s, token, DEPTH_MAX);
    }
    if (token != (field == FIELD_RING ? JSON_TOKEN_NUMBER : JSON_TOKEN_STRING) || f->raw[field].data != NULL) {
        return false;
    }
    f->raw[field] = raw;
    return true;
}

/* One object that has all fields, and nothing behind it. */
static bool scan_record(struct slice text, struct fields *f) {
    struct json_scanner s = json_scan(text);
    enum json_token token;
    struct slice raw;

    if (json_next(&s, &raw) != JSON_TOKEN_OBJECT) {
        return false;
    }
    for (bool first = true; (token = json_next_member(&s, first, &raw)) == JSON_TOKEN_STRING; first = false) {
        if (!scan_field(&s, find_field(raw), f)) {
            return false;
        }
    }
    for (enum field field = 0; field < FIELD_COUNT; field++) {
        if (f->raw[field].data == NULL) {
            return false;
        }
    }
    return token == JSON_TOKEN_OBJECT_END && json_next(&s, &raw) == JSON_TOKEN_END && s.at == s.end;
}

/* A state that we do not know says that we do not know who owns what: no record of ours. */
static bool read_fields(const struct fields *f, struct member *member) {
    uint64_t algorithm;

    if (!is_text(f->raw[FIELD_ID], member->id) || !number_parse_u64(f->raw[FIELD_RING], &algorithm) || algorithm == 0 ||
        algorithm > UINT_MAX) {
        return false;
    }
    member->algorithm = (unsigned)algorithm;
    member->leaving = is_text(f->raw[FIELD_STATE], SLICE(STATE_LEAVING));
    return member->leaving || is_text(f->raw[FIELD_STATE], SLICE(STATE_SERVING));
}

/* Errors: INVALID, NO_MEMORY. */
static enum larder_error read_address(struct slice raw, struct arena *arena, struct slice *ret_address) {
    char characters[MEMBER_RECORD_MAX];
    struct slice address = slice_make(characters, json_unescape(raw, characters));

    if (address.size > MEMBER_ADDRESS_MAX || !address_is_good(address)) {
        return LARDER_ERROR_INVALID;
    }
    return arena_copy(arena, address, ret_address) ? LARDER_OK : LARDER_ERROR_NO_MEMORY;
}

enum larder_error record_read(struct slice id, const struct kv *kv, struct arena *arena, struct member *ret_member) {
    struct member member = {.id = id, .incarnation = kv->create_revision};
    struct fields fields = {0};
    enum larder_error error;

    if (member_id_problem(id) != NULL || kv->value.size == 0 || kv->value.size > MEMBER_RECORD_MAX ||
        !scan_record(kv->value, &fields) || !read_fields(&fields, &member)) {
        return LARDER_ERROR_INVALID;
    }
    error = read_address(fields.raw[FIELD_ADDRESS], arena, &member.address);
    if (error == LARDER_OK) {
        *ret_member = member;
    }
    return error;
}

/* Appends ,"name":"text". */
static enum larder_error write_text(struct buf *out, struct slice name, struct slice text) {
    enum larder_error error = buf_printf(out, ",\"%.*s\":", (int)name.size, name.data);

    return error == LARDER_OK ? json_append_string(out, text) : error;
}

static enum larder_error write_record(const struct member *member, struct buf *out) {
    enum larder_error error = buf_printf(out, "{\"ring\":%u", member->algorithm);

    if (error == LARDER_OK) {
        error = write_text(out, SLICE("id"), member->id);
    }
    if (error == LARDER_OK) {
        error = write_text(out, SLICE("address"), member->address);
    }
    if (error == LARDER_OK) {
        error = write_text(out, SLICE("state"), member->leaving ? SLICE(STATE_LEAVING) : SLICE(STATE_SERVING));
    }
    if (error == LARDER_OK) {
        error = write_text(out, SLICE("version"), SLICE(LARDER_VERSION));
    }
    return error == LARDER_OK ? buf_append(out, "}", 1) : error;
}

enum larder_error member_record_write(const struct member *member, struct buf *out) {
    size_t before = out->size;
    enum larder_error error = write_record(member, out);

    if (error != LARDER_OK) {
        out->size = before;
    }
    return error;
}
