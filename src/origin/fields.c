/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/fields.h"

#include "proto/http/chars.h"

static const struct row {
    struct slice name;
    enum origin_rule rule;
} rows[] = {
#define ORIGIN_FIELD(name, rule) {{name, sizeof(name) - 1}, ORIGIN_RULE_##rule},
#include "origin/fields.def"
#undef ORIGIN_FIELD
};

enum origin_rule origin_rule_of(struct slice name) {
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (http_is_word(name, rows[i].name)) {
            return rows[i].rule;
        }
    }
    return ORIGIN_RULE_DECLARED;
}

bool origin_field_value_is_good(struct slice value) {
    return http_span(value, HTTP_CHARS_VALUE) == value.size;
}

static bool name_is_good(struct slice name) {
    return name.size > 0 && name.size <= ORIGIN_FIELD_NAME_MAX && http_span(name, HTTP_CHARS_TOKEN) == name.size;
}

static size_t size_of(const struct origin_field *field) {
    return ORIGIN_FIELD_OVERHEAD + field->name.size + field->value.size;
}

bool origin_fields_add(struct origin_fields *fields, struct slice name, struct slice value) {
    const struct origin_field field = {name, value};

    if (fields->count == ORIGIN_FIELDS_MAX || !name_is_good(name) || value.size > ORIGIN_FIELD_VALUE_MAX ||
        size_of(&field) > ORIGIN_FIELDS_SIZE_MAX - fields->size || !origin_field_value_is_good(value)) {
        return false;
    }
    fields->all[fields->count++] = field;
    fields->size += size_of(&field);
    return true;
}

void origin_fields_remove(struct origin_fields *fields, struct slice name) {
    unsigned kept = 0;

    for (unsigned i = 0; i < fields->count; i++) {
        if (http_is_word(fields->all[i].name, name)) {
            fields->size -= size_of(&fields->all[i]);
        } else {
            fields->all[kept++] = fields->all[i];
        }
    }
    fields->count = kept;
}

bool origin_fields_have(const struct origin_fields *fields, struct slice name) {
    for (unsigned i = 0; i < fields->count; i++) {
        if (http_is_word(fields->all[i].name, name)) {
            return true;
        }
    }
    return false;
}
