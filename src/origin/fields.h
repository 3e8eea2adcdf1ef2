/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_FIELDS_H
#define LARDER_ORIGIN_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The header fields that are stored with an answer, beside those that have a place of their own in an entry. */

enum {
    ORIGIN_FIELDS_MAX = 24,           /* lines that are stored with an answer */
    ORIGIN_FIELD_NAME_MAX = 256,      /* bytes */
    ORIGIN_FIELD_VALUE_MAX = 4096,    /* bytes */
    ORIGIN_FIELDS_SIZE_MAX = 8 << 10, /* bytes of all of them, as they lie in an entry */
    ORIGIN_FIELD_OVERHEAD = 4,        /* bytes of each, beside name and value */
};

/* What becomes of a field of an answer; fields.def. */
enum origin_rule {
    ORIGIN_RULE_DECLARED, /* passed on; stored if the group declares it */
    ORIGIN_RULE_KEPT,     /* passed on and always stored */
    ORIGIN_RULE_OWN,      /* Larder writes it itself */
    ORIGIN_RULE_PERSONAL, /* passed on to the one who asked, with an answer that is not stored; never stored */
    ORIGIN_RULE_HOP,      /* neither */
};

enum origin_rule origin_rule_of(struct slice name);

struct origin_field {
    struct slice name;
    struct slice value;
};

/* In their order; a name may stand several times. All borrowed. */
struct origin_fields {
    unsigned count;
    size_t size; /* bytes as they lie in an entry */
    struct origin_field all[ORIGIN_FIELDS_MAX];
};

/* An empty list; what `all` holds does not matter. */
static inline void origin_fields_clear(struct origin_fields *fields) {
    fields->count = 0;
    fields->size = 0;
}

/* False, with the list as it was: a ceiling above, or bytes that may not stand in a name or a value (RFC 9110, 5.1 and 5.5);
 * what was added can be written into a head as it is. */
bool origin_fields_add(struct origin_fields *fields, struct slice name, struct slice value);

/* Takes out all of this name, in any case. */
void origin_fields_remove(struct origin_fields *fields, struct slice name);

/* Whether there is one of this name, in any case. */
bool origin_fields_have(const struct origin_fields *fields, struct slice name);

/* Whether `value` may be that of a header field: visible, spaces and tabs, nothing that ends a line. */
bool origin_field_value_is_good(struct slice value);

#endif
