/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/caching_request.h"

#include "proto/http/chars.h"

/* Notes a number of which the least is the strictest. */
static void note_least(struct http_caching_request *c, uint32_t word, int64_t *at, int64_t seconds) {
    if ((c->words & word) == 0 || seconds < *at) {
        *at = seconds;
    }
    c->words |= word;
}

static void take_max_age(struct http_caching_request *c, const struct http_directive *d) {
    int64_t seconds;

    if (http_directive_seconds(d, &seconds)) {
        note_least(c, HTTP_WISH_MAX_AGE, &c->max_age, seconds);
    } else {
        c->words |= HTTP_WISH_NO_CACHE;
    }
}

static void take_min_fresh(struct http_caching_request *c, const struct http_directive *d) {
    int64_t seconds;

    if (http_directive_seconds(d, &seconds)) {
        c->words |= HTTP_WISH_MIN_FRESH;
        c->min_fresh = seconds > c->min_fresh ? seconds : c->min_fresh;
    } else {
        c->words |= HTTP_WISH_NO_CACHE;
    }
}

static void take_max_stale(struct http_caching_request *c, const struct http_directive *d) {
    int64_t seconds = 0;

    if (!d->has_argument && !d->malformed) {
        seconds = HTTP_SECONDS_MAX;
    } else {
        http_directive_seconds(d, &seconds);
    }
    note_least(c, HTTP_WISH_MAX_STALE, &c->max_stale, seconds);
}

static void take_if_error(struct http_caching_request *c, const struct http_directive *d) {
    int64_t seconds = 0;

    http_directive_seconds(d, &seconds);
    note_least(c, HTTP_WISH_IF_ERROR, &c->if_error, seconds);
}

static void take_no_cache(struct http_caching_request *c, const struct http_directive *d) {
    (void)d;
    c->words |= HTTP_WISH_NO_CACHE;
}

static void take_no_store(struct http_caching_request *c, const struct http_directive *d) {
    (void)d;
    c->words |= HTTP_WISH_NO_STORE;
}

static void take_only_if_cached(struct http_caching_request *c, const struct http_directive *d) {
    (void)d;
    c->words |= HTTP_WISH_ONLY_IF_CACHED;
}

#define ROW(name, function)                                                                                            \
    { {name, sizeof(name) - 1}, function }

static const struct row {
    struct slice name;
    void (*take)(struct http_caching_request *c, const struct http_directive *d);
} rows[] = {
    ROW("no-cache", take_no_cache),       ROW("no-store", take_no_store),   ROW("max-age", take_max_age),
    ROW("min-fresh", take_min_fresh),     ROW("max-stale", take_max_stale), ROW("only-if-cached", take_only_if_cached),
    ROW("stale-if-error", take_if_error),
};

#undef ROW

void http_caching_request_take(struct http_caching_request *c, struct slice value) {
    struct http_directive d;

    while (http_directive_next(&value, &d)) {
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            if (http_is_word(d.name, rows[i].name)) {
                rows[i].take(c, &d);
            }
        }
    }
}

struct http_caching_request http_caching_request_read(const struct http_head *head) {
    struct http_caching_request c = {.words = 0};
    struct slice value;
    size_t cursor = 0;

    while (http_head_next(head, HTTP_FIELD_CACHE_CONTROL, &cursor, &value)) {
        http_caching_request_take(&c, value);
    }
    if (head->fields[HTTP_FIELD_CACHE_CONTROL].data != NULL) {
        return c;
    }
    cursor = 0;
    while (http_head_next(head, HTTP_FIELD_PRAGMA, &cursor, &value)) {
        struct http_directive d;

        while (http_directive_next(&value, &d)) {
            if (http_is_word(d.name, SLICE("no-cache"))) {
                take_no_cache(&c, &d);
            }
        }
    }
    return c;
}
