/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/command_encode.h"

#include <inttypes.h>

#include "base/base64.h"
#include "proto/memcached/token.h"

enum {
    RELATIVE_MAX_S = 60 * 60 * 24 * 30 /* above it memcached reads an exptime as a date */
};

/* Appends until the first failure, which sticks. */
struct writer {
    struct buf *out;
    enum larder_error error;
};

static void put(struct writer *w, struct slice s) {
    if (w->error == LARDER_OK) {
        w->error = buf_append_slice(w->out, s);
    }
}

static void put_u64(struct writer *w, const char *flag, uint64_t number) {
    if (w->error == LARDER_OK) {
        w->error = buf_printf(w->out, " %s%" PRIu64, flag, number);
    }
}

static void put_ttl(struct writer *w, const char *flag, int64_t ttl, int64_t unix_s) {
    if (ttl > RELATIVE_MAX_S) {
        ttl += unix_s;
    }
    if (w->error == LARDER_OK) {
        w->error = buf_printf(w->out, " %s%" PRId64, flag, ttl < 0 ? -1 : ttl);
    }
}

static bool has(const struct request *r, enum request_option option) {
    return (r->options & (uint32_t)option) != 0;
}

static void put_base64(struct writer *w, struct slice s) {
    if (w->error == LARDER_OK) {
        w->error = buf_reserve(w->out, base64_encoded_size(s.size));
    }
    if (w->error == LARDER_OK) {
        base64_encode(s, w->out->data + w->out->size);
        w->out->size += base64_encoded_size(s.size);
    }
}

/* `verb key`, and for a store the size between key and flags. */
static void put_head(struct writer *w, struct slice verb, const struct request *r, bool sized) {
    bool token = token_can_hold(r->key);

    put(w, verb);
    put(w, SLICE(" "));
    if (token) {
        put(w, r->key);
    } else {
        put_base64(w, r->key);
    }
    if (sized) {
        put_u64(w, "", r->value.size);
    }
    if (!token) {
        put(w, SLICE(" b"));
    }
}

static void put_cas(struct writer *w, const struct request *r) {
    if (has(r, REQUEST_COMPARE)) {
        put_u64(w, "C", r->compare);
    }
    if (has(r, REQUEST_SET_CAS)) {
        put_u64(w, "E", r->cas);
    }
}

static void put_get(struct writer *w, const struct request *r, int64_t unix_s) {
    put_head(w, SLICE("mg"), r, false);
    if (r->command != COMMAND_GET || has(r, REQUEST_TOUCH)) {
        put_ttl(w, "T", r->ttl, unix_s);
    }
    if (has(r, REQUEST_VIVIFY)) {
        put_ttl(w, "N", r->vivify_ttl, unix_s);
    }
    if (has(r, REQUEST_RECACHE)) {
        put_ttl(w, "R", r->recache_ttl, unix_s);
    }
    if (has(r, REQUEST_NO_BUMP)) {
        put(w, SLICE(" u"));
    }
    put(w, r->command == COMMAND_TOUCH ? SLICE(" t") : SLICE(" c f t v"));
}

static struct slice store_mode(enum command command) {
    switch (command) {
    case COMMAND_ADD:
        return SLICE(" ME");
    case COMMAND_REPLACE:
        return SLICE(" MR");
    case COMMAND_APPEND:
        return SLICE(" MA");
    case COMMAND_PREPEND:
        return SLICE(" MP");
    default:
        return SLICE("");
    }
}

static void put_store(struct writer *w, const struct request *r, int64_t unix_s) {
    put_head(w, SLICE("ms"), r, true);
    put(w, store_mode(r->command));
    if (r->command == COMMAND_CAS && !has(r, REQUEST_COMPARE)) {
        put_u64(w, "C", r->compare);
    }
    put_cas(w, r);
    if (has(r, REQUEST_INVALIDATE)) {
        put(w, SLICE(" I"));
    }
    if (r->client_flags != 0) {
        put_u64(w, "F", r->client_flags);
    }
    if (r->ttl != REQUEST_TTL_FOREVER) {
        put_ttl(w, "T", r->ttl, unix_s);
    }
    put(w, SLICE(" c"));
}

static void put_delete(struct writer *w, const struct request *r, int64_t unix_s) {
    put_head(w, SLICE("md"), r, false);
    put_cas(w, r);
    if (has(r, REQUEST_INVALIDATE)) {
        put(w, SLICE(" I"));
    }
    if (has(r, REQUEST_TOUCH)) {
        put_ttl(w, "T", r->ttl, unix_s);
    }
    if (has(r, REQUEST_DROP_VALUE)) {
        put(w, SLICE(" x"));
    }
}

static void put_arith(struct writer *w, const struct request *r, int64_t unix_s) {
    put_head(w, SLICE("ma"), r, false);
    put(w, r->command == COMMAND_DECR ? SLICE(" MD") : SLICE(" MI"));
    put_u64(w, "D", r->delta);
    if (has(r, REQUEST_VIVIFY)) {
        put_ttl(w, "N", r->vivify_ttl, unix_s);
        put_u64(w, "J", r->initial);
    }
    if (has(r, REQUEST_TOUCH)) {
        put_ttl(w, "T", r->ttl, unix_s);
    }
    put_cas(w, r);
    put(w, SLICE(" c t v"));
}

static void put_text(struct writer *w, const struct request *r, int64_t unix_s) {
    switch (r->command) {
    case COMMAND_STATS:
        put(w, SLICE("stats"));
        if (r->key.size > 0) {
            put(w, SLICE(" "));
            put(w, r->key);
        }
        break;
    case COMMAND_FLUSH:
        put(w, SLICE("flush_all"));
        if (r->ttl != 0) {
            put_ttl(w, "", r->ttl, unix_s);
        }
        break;
    case COMMAND_VERSION:
        put(w, SLICE("version"));
        break;
    default:
        put(w, SLICE("mn"));
        break;
    }
}

bool command_has_opaque(enum command command) {
    return command <= COMMAND_DELETE;
}

/* What a command needs of its key: none, an optional word, or a key. */
static enum larder_error check(const struct request *r) {
    size_t size = token_can_hold(r->key) ? r->key.size : base64_encoded_size(r->key.size);

    if (command_has_opaque(r->command)) {
        return size == 0 || size > REQUEST_KEY_MAX ? LARDER_ERROR_INVALID : LARDER_OK;
    }
    switch (r->command) {
    case COMMAND_STATS:
        return token_can_hold(r->key) && size <= REQUEST_KEY_MAX ? LARDER_OK : LARDER_ERROR_INVALID;
    case COMMAND_FLUSH: /* memcached has no word for one group */
        return r->key.size == 0 ? LARDER_OK : LARDER_ERROR_UNSUPPORTED;
    case COMMAND_NOOP:
    case COMMAND_VERSION:
        return LARDER_OK;
    default:
        return LARDER_ERROR_UNSUPPORTED;
    }
}

static void put_command(struct writer *w, const struct request *r, int64_t unix_s) {
    switch (r->command) {
    case COMMAND_GET:
    case COMMAND_GAT:
    case COMMAND_TOUCH:
        put_get(w, r, unix_s);
        break;
    case COMMAND_INCR:
    case COMMAND_DECR:
        put_arith(w, r, unix_s);
        break;
    case COMMAND_DELETE:
        put_delete(w, r, unix_s);
        break;
    default:
        put_store(w, r, unix_s);
        break;
    }
}

static bool carries_value(enum command command) {
    return command >= COMMAND_SET && command <= COMMAND_CAS;
}

enum larder_error command_encode(struct buf *out, const struct request *request, uint64_t opaque, int64_t unix_s) {
    struct writer w = {.out = out, .error = check(request)};
    size_t before = out->size;

    if (w.error != LARDER_OK) {
        return w.error;
    }
    if (command_has_opaque(request->command)) {
        put_command(&w, request, unix_s);
        put_u64(&w, "O", opaque);
    } else {
        put_text(&w, request, unix_s);
    }
    put(&w, SLICE("\r\n"));
    if (carries_value(request->command)) {
        put(&w, request->value);
        put(&w, SLICE("\r\n"));
    }
    if (w.error != LARDER_OK) {
        out->size = before;
    }
    return w.error;
}
