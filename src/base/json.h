/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_JSON_H
#define LARDER_BASE_JSON_H

#include "base/buf.h"
#include "base/slice.h"

/* Pieces of JSON text (RFC 8259), appended. Errors of all: LIMIT, NO_MEMORY; the text may then end in the middle, and the
 * caller drops it. */

/* `s`, which is UTF-8, as a quoted string. */
enum larder_error json_append_string(struct buf *out, struct slice s);

/* Any bytes as a quoted string of base64 (RFC 4648, section 4). */
enum larder_error json_append_base64(struct buf *out, struct slice bytes);

/* "name":"bytes". Bytes that are not UTF-8 go as base64 (RFC 4648, section 4), followed by ,"name_encoding":"base64": so
 * any key and any value can be shown, and nobody takes one for another. `name` is plain ASCII. */
enum larder_error json_append_member(struct buf *out, struct slice name, struct slice bytes);

#endif
