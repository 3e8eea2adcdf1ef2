/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_FIELD_H
#define LARDER_PROTO_HTTP_FIELD_H

#include <stdbool.h>

#include "base/slice.h"

/* The header fields of fields.def. */
enum http_field {
#define FIELD(name, text, rule) HTTP_FIELD_##name,
#include "proto/http/fields.def"
#undef FIELD
    HTTP_FIELD_COUNT
};

/* The field of this name, in any case; HTTP_FIELD_COUNT: one that nobody looks at. */
enum http_field http_field_find(struct slice name);

/* Whether it may stand in a head once only. */
bool http_field_is_single(enum http_field field);

#endif
