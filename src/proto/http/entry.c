/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/entry.h"

#include <inttypes.h>

#include "base/json.h"

static enum larder_error begin(struct buf *out, struct slice key) {
    enum larder_error error = buf_append(out, "{", 1);

    return error == LARDER_OK ? json_append_member(out, SLICE("key"), key) : error;
}

enum larder_error http_entry_append(struct buf *out, struct slice key, const struct kv *kv, const struct slice *value) {
    enum larder_error error = begin(out, key);

    if (error == LARDER_OK) {
        error = buf_printf(out, ",\"create_revision\":%" PRId64 ",\"mod_revision\":%" PRId64 ",\"version\":%" PRId64,
                           kv->create_revision, kv->mod_revision, kv->version);
    }
    if (error == LARDER_OK && kv->lease != 0) {
        error = buf_printf(out, ",\"lease\":\"%" PRId64 "\"", kv->lease);
    }
    if (error == LARDER_OK && value != NULL) {
        error = buf_append(out, ",", 1);
        if (error == LARDER_OK) {
            error = json_append_member(out, SLICE("value"), *value);
        }
    }
    return error == LARDER_OK ? buf_append(out, "}", 1) : error;
}

enum larder_error http_entry_append_deleted(struct buf *out, struct slice key, int64_t revision) {
    enum larder_error error = begin(out, key);

    return error == LARDER_OK ? buf_printf(out, ",\"mod_revision\":%" PRId64 "}", revision) : error;
}
