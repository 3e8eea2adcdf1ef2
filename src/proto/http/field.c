/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/field.h"

#include <stdint.h>

#include "proto/http/chars.h"

enum rule { ONCE, MANY };

static const struct row {
    struct slice name;
    enum rule rule;
} rows[HTTP_FIELD_COUNT] = {
#define FIELD(name, text, rule) [HTTP_FIELD_##name] = {{text, sizeof(text) - 1}, rule},
#include "proto/http/fields.def"
#undef FIELD
};

/* One bit for each length that a name of the list has: most other names are told apart by it. */
static const uint32_t lengths = 0
#define FIELD(name, text, rule) | UINT32_C(1) << (sizeof(text) - 1)
#include "proto/http/fields.def"
#undef FIELD
    ;

enum http_field http_field_find(struct slice name) {
    unsigned field = 0;

    if (name.size >= 32 || (lengths >> name.size & 1) == 0) {
        return HTTP_FIELD_COUNT;
    }
    while (field < HTTP_FIELD_COUNT && !http_is_word(name, rows[field].name)) {
        field++;
    }
    return field;
}

bool http_field_is_single(enum http_field field) {
    return rows[field].rule == ONCE;
}
