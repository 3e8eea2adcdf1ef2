/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json_scan.h"
#include "base/number.h"
#include "proto/etcd/field.h"
#include "proto/etcd/message.h"

enum { DOUBLE_TEXT_MAX = 64 };

struct reader {
    struct json_scanner scanner;
    struct arena *arena;
    struct buf *why;
    unsigned depth; /* messages in messages that may still follow */
};

static bool read_object(struct reader *r, ProtobufCMessage *message);

/* The sentence is for people: if there is no room for it, it is missing. */
static bool complain(struct reader *r, const char *name, const char *what) {
    (void)buf_printf(r->why, "%s: %s", name, what);
    return false;
}

static bool complain_syntax(struct reader *r, enum json_token token) {
    (void)buf_printf(r->why, token == JSON_TOKEN_END ? "the JSON text ends too early" : "the request is no JSON text");
    return false;
}

static bool complain_room(struct reader *r) {
    (void)buf_printf(r->why, "the request is too large");
    return false;
}

/* The characters of a string: those of the text itself if there are no escapes among them. */
static bool unescape(struct reader *r, struct slice raw, struct slice *ret_text) {
    char *text;

    if (raw.size == 0 || memchr(raw.data, '\\', raw.size) == NULL) {
        *ret_text = raw;
        return true;
    }
    text = arena_alloc(r->arena, raw.size);
    if (text == NULL) {
        return complain_room(r);
    }
    *ret_text = slice_make(text, json_unescape(raw, text));
    return true;
}

/* Whether `given` is the field's name, or that in lowerCamelCase: the underlines go, and the letter behind each is large. */
static bool name_matches(const char *name, struct slice given) {
    size_t at = 0;

    if (slice_equal(slice_from_string(name), given)) {
        return true;
    }
    for (; *name != 0; name++, at++) {
        char c = *name;

        if (c == '_' && name[1] != 0) {
            c = *++name;
            c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        }
        if (at >= given.size || given.data[at] != c) {
            return false;
        }
    }
    return at == given.size;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, struct slice name) {
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (name_matches(type->fields[i].name, name)) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* The bits of a double; "NaN", "Infinity" and "-Infinity" are texts that strtod knows too. */
static bool parse_double(struct slice text, uint64_t *ret_number) {
    char copy[DOUBLE_TEXT_MAX];
    double number;
    char *end;

    if (text.size == 0 || text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    number = strtod(copy, &end);
    memcpy(ret_number, &number, sizeof(number));
    return end == copy + text.size;
}

static bool parse_number(ProtobufCType type, struct slice text, uint64_t *ret_number) {
    int64_t number;

    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return number_parse_i64(text, (int64_t *)ret_number);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return number_parse_u64(text, ret_number);
    case PROTOBUF_C_TYPE_DOUBLE:
        return parse_double(text, ret_number);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return number_parse_u64(text, ret_number) && *ret_number <= UINT32_MAX;
    default: /* an enum */
        if (!number_parse_i64(text, &number) || number < INT32_MIN || number > INT32_MAX) {
            return false;
        }
        *ret_number = (uint64_t)number;
        return true;
    }
}

static bool find_enum(const ProtobufCEnumDescriptor *type, struct slice name, uint64_t *ret_number) {
    for (unsigned i = 0; i < type->n_value_names; i++) {
        if (slice_equal(slice_from_string(type->values_by_name[i].name), name)) {
            *ret_number = (uint64_t)type->values[type->values_by_name[i].index].value;
            return true;
        }
    }
    return false;
}

static bool read_number(struct reader *r, const ProtobufCFieldDescriptor *field, enum json_token token,
                        struct slice raw, void *slot) {
    bool named = field->type == PROTOBUF_C_TYPE_ENUM && token == JSON_TOKEN_STRING;
    struct slice text = raw;
    uint64_t number;

    if (token != JSON_TOKEN_NUMBER && token != JSON_TOKEN_STRING) {
        return complain(r, field->name, "must be a number");
    }
    if (token == JSON_TOKEN_STRING && !unescape(r, raw, &text)) {
        return false;
    }
    if (named ? !find_enum(field->descriptor, text, &number) : !parse_number(field->type, text, &number)) {
        return complain(r, field->name, named ? "has no such value" : "must be a whole number of its type's range");
    }
    return etcd_field_set_number(slot, field->type, number);
}

static bool read_bytes(struct reader *r, const ProtobufCFieldDescriptor *field, struct slice text, void *slot) {
    size_t size;
    char *bytes = arena_alloc(r->arena, text.size);

    if (bytes == NULL) {
        return complain_room(r);
    }
    if (!base64_decode_any(text, bytes, &size)) {
        return complain(r, field->name, "must be base64");
    }
    *(ProtobufCBinaryData *)slot = etcd_bytes(slice_make(size > 0 ? bytes : NULL, size));
    return true;
}

static bool read_string(struct reader *r, const ProtobufCFieldDescriptor *field, enum json_token token,
                        struct slice raw, void *slot) {
    struct slice text;

    if (token != JSON_TOKEN_STRING) {
        return complain(r, field->name, "must be a string");
    }
    if (!unescape(r, raw, &text)) {
        return false;
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return read_bytes(r, field, text, slot);
    }
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        return complain(r, field->name, "must not hold the character U+0000");
    }
    return etcd_field_set_string(slot, text, r->arena) || complain_room(r);
}

static bool read_part(struct reader *r, const ProtobufCFieldDescriptor *field, enum json_token token, void *slot) {
    ProtobufCMessage *part;
    bool done;

    if (token != JSON_TOKEN_OBJECT) {
        return complain(r, field->name, "must be an object");
    }
    if (r->depth == 0) {
        return complain(r, field->name, "is nested too deep");
    }
    part = etcd_field_message(slot, field, r->arena);
    if (part == NULL) {
        return complain_room(r);
    }
    r->depth--;
    done = read_object(r, part);
    r->depth++;
    return done;
}

/* One value that is not null, of the field or of an element of it. */
static bool read_value(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       enum json_token token, struct slice raw) {
    void *slot;

    if (!json_begins_value(token)) {
        return complain_syntax(r, token);
    }
    slot = etcd_field_slot(message, field, r->arena);
    if (slot == NULL) {
        return complain_room(r);
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_part(r, field, token, slot);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        return read_string(r, field, token, raw, slot);
    case PROTOBUF_C_TYPE_BOOL:
        if (token != JSON_TOKEN_TRUE && token != JSON_TOKEN_FALSE) {
            return complain(r, field->name, "must be true or false");
        }
        return etcd_field_set_number(slot, field->type, token == JSON_TOKEN_TRUE);
    default:
        return read_number(r, field, token, raw, slot);
    }
}

static bool read_array(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    enum json_token token;
    struct slice raw;

    for (bool first = true; (token = json_next_element(&r->scanner, first, &raw)) != JSON_TOKEN_ARRAY_END;
         first = false) {
        if (!read_value(r, message, field, token, raw)) {
            return false;
        }
    }
    return true;
}

/* A oneof that has a member already. */
static bool is_taken(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    const char *quantifier = (const char *)message + field->quantifier_offset;

    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)(const void *)quantifier != 0;
}

static bool read_field(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    struct slice raw = {0};
    enum json_token token = json_next(&r->scanner, &raw);

    if (token == JSON_TOKEN_NULL) {
        return true;
    }
    if (is_taken(message, field)) {
        return complain(r, field->name, "excludes another field that is set");
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return read_value(r, message, field, token, raw);
    }
    if (token == JSON_TOKEN_ARRAY) {
        return read_array(r, message, field);
    }
    return json_begins_value(token) ? complain(r, field->name, "must be an array") : complain_syntax(r, token);
}

/* One member, behind its colon. `seen` has a bit for each field that was there before: a name that comes twice would be
 * read in one way here and in another elsewhere. */
static bool read_member(struct reader *r, ProtobufCMessage *message, struct slice raw_name, uint64_t *seen) {
    const ProtobufCFieldDescriptor *field;
    struct slice name, raw;
    uint64_t bit;

    if (!unescape(r, raw_name, &name)) {
        return false;
    }
    field = find_field(message->descriptor, name);
    if (field == NULL) {
        enum json_token token = json_next(&r->scanner, &raw);

        return json_skip(&r->scanner, token, ETCD_MESSAGE_DEPTH_MAX) || complain_syntax(r, token);
    }
    bit = UINT64_C(1) << (field - message->descriptor->fields);
    if (*seen & bit) {
        return complain(r, field->name, "comes twice");
    }
    *seen |= bit;
    return read_field(r, message, field);
}

static bool read_object(struct reader *r, ProtobufCMessage *message) {
    enum json_token token;
    struct slice name;
    uint64_t seen = 0;

    assert(message->descriptor->n_fields <= 64);
    for (bool first = true; (token = json_next_member(&r->scanner, first, &name)) == JSON_TOKEN_STRING; first = false) {
        if (!read_member(r, message, name, &seen)) {
            return false;
        }
    }
    return token == JSON_TOKEN_OBJECT_END || complain_syntax(r, token);
}

/* The whole text: nothing, null or one object. */
static bool read_text(struct reader *r, ProtobufCMessage *message) {
    const char *name = message->descriptor->short_name;
    struct slice raw;
    enum json_token token = json_next(&r->scanner, &raw);

    if (token == JSON_TOKEN_END && r->scanner.at == r->scanner.end) {
        return true;
    }
    if (!json_begins_value(token)) {
        return complain_syntax(r, token);
    }
    if (token != JSON_TOKEN_OBJECT && token != JSON_TOKEN_NULL) {
        return complain(r, name, "must be an object");
    }
    if (token == JSON_TOKEN_OBJECT && !read_object(r, message)) {
        return false;
    }
    if (json_next(&r->scanner, &raw) != JSON_TOKEN_END || r->scanner.at != r->scanner.end) {
        return complain(r, name, "must be alone in the request");
    }
    return true;
}

ProtobufCMessage *etcd_message_from_json(const ProtobufCMessageDescriptor *type, struct slice json, struct arena *arena,
                                         struct buf *why) {
    struct reader r = {.scanner = json_scan(json), .arena = arena, .why = why, .depth = ETCD_MESSAGE_DEPTH_MAX};
    ProtobufCMessage *message = etcd_message_new(type, arena);

    if (message == NULL) {
        (void)complain_room(&r);
        return NULL;
    }
    return read_text(&r, message) ? message : NULL;
}
