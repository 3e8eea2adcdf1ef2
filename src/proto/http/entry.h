/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_ENTRY_H
#define LARDER_PROTO_HTTP_ENTRY_H

#include "base/buf.h"
#include "model/kv.h"

/* A key of a store group as listings and watches show it, as JSON. `key` is the clients' own name of it, with the group.
 * Keys and values that are not UTF-8 go as base64, see json_append_member. Errors: LIMIT, NO_MEMORY; the text may then end
 * in the middle, and the caller drops it. */

/* {"key":"...","create_revision":1,"mod_revision":2,"version":2,"lease":"7","value":"..."}. The lease, a 64-bit number
 * that JavaScript would round, is a string and left out if there is none; the value is left out if `value` is NULL. */
enum larder_error http_entry_append(struct buf *out, struct slice key, const struct kv *kv, const struct slice *value);

/* {"key":"...","mod_revision":3}, of a key that was deleted then. */
enum larder_error http_entry_append_deleted(struct buf *out, struct slice key, int64_t revision);

#endif
