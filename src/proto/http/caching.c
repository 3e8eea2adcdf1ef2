/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/caching.h"

#include <stddef.h>

#include "proto/http/chars.h"
#include "proto/http/date_read.h"

static const struct word {
    struct slice text;
    uint32_t bit;
    size_t member; /* where its seconds go; 0: it has none */
} words[] = {
#define FLAG(name, text) {{text, sizeof(text) - 1}, HTTP_CACHING_BIT(name), 0},
#define SECONDS(name, text, member)                                                                                    \
    {{text, sizeof(text) - 1}, HTTP_CACHING_BIT(name), offsetof(struct http_caching, member)},
#include "proto/http/caching.def"
#undef FLAG
#undef SECONDS
};

_Static_assert(HTTP_CACHING_INDEX_SET_COOKIE < 32, "each word has a bit");

void http_caching_begin(struct http_caching *c, int64_t now) {
    *c = (struct http_caching){.now = now};
}

/* Sets the bit of something that counts once. False: it was set. */
static bool note_first(struct http_caching *c, uint32_t bit) {
    bool first = (c->words & bit) == 0;

    c->words |= bit;
    return first;
}

static void take_directive(struct http_caching *c, const struct http_directive *d) {
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct word *w = &words[i];

        if (http_is_word(d->name, w->text)) {
            bool first = note_first(c, w->bit);

            if (first && w->member != 0) {
                /* What is no number of seconds leaves the 0 that is there. */
                http_directive_seconds(d, (int64_t *)(void *)((char *)c + w->member));
            }
            return;
        }
    }
}

static void take_cache_control(struct http_caching *c, struct slice value) {
    struct http_directive d;

    c->words |= HTTP_CACHING_BIT(CACHE_CONTROL);
    while (http_directive_next(&value, &d)) {
        take_directive(c, &d);
    }
}

static void take_expires(struct http_caching *c, struct slice value) {
    if (note_first(c, HTTP_CACHING_BIT(EXPIRES)) && !http_date_read(value, c->now, &c->expires)) {
        c->words |= HTTP_CACHING_BIT(EXPIRES_IS_BAD);
    }
}

static void take_date(struct http_caching *c, struct slice value) {
    if (note_first(c, HTTP_CACHING_BIT(DATE_SEEN)) && http_date_read(value, c->now, &c->date)) {
        c->words |= HTTP_CACHING_BIT(DATE);
    }
}

/* Of a list only the first member counts: RFC 9111, 5.1. */
static void take_age(struct http_caching *c, struct slice value) {
    struct slice first;

    if (note_first(c, HTTP_CACHING_BIT(AGE_SEEN)) && http_list_next(&value, &first) &&
        http_seconds_read(first, &c->age)) {
        c->words |= HTTP_CACHING_BIT(AGE);
    }
}

static void take_vary(struct http_caching *c, struct slice value) {
    struct slice name;

    while (http_list_next(&value, &name)) {
        bool encoding = http_is_word(name, SLICE("accept-encoding"));

        c->words |= encoding ? HTTP_CACHING_BIT(VARY_ENCODING) : HTTP_CACHING_BIT(VARY);
    }
}

static void take_encoding(struct http_caching *c, struct slice value) {
    struct slice coding;

    while (http_list_next(&value, &coding)) {
        if (!http_is_word(coding, SLICE("identity"))) {
            c->words |= HTTP_CACHING_BIT(ENCODED);
        }
    }
}

static void take_set_cookie(struct http_caching *c, struct slice value) {
    (void)value;
    c->words |= HTTP_CACHING_BIT(SET_COOKIE);
}

bool http_is_etag(struct slice text) {
    text = slice_skip(text, slice_has_prefix(text, SLICE("W/")) ? 2 : 0);
    return text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"' &&
           http_span(slice_skip(text, 1), HTTP_CHARS_ETAG) == text.size - 2;
}

static void take_etag(struct http_caching *c, struct slice value) {
    if (c->etag.size == 0 && value.size > 0 && value.size <= HTTP_VALIDATOR_MAX && http_is_etag(value)) {
        c->etag = value;
    }
}

static void take_last_modified(struct http_caching *c, struct slice value) {
    int64_t second;

    if (c->last_modified.size == 0 && http_date_read(value, c->now, &second)) {
        c->last_modified = value;
    }
}

#define ROW(name, function)                                                                                            \
    { {name, sizeof(name) - 1}, function }

static const struct field {
    struct slice name;
    void (*take)(struct http_caching *c, struct slice value);
} fields[] = {
    ROW("age", take_age),
    ROW("date", take_date),
    ROW("etag", take_etag),
    ROW("vary", take_vary),
    ROW("expires", take_expires),
    ROW("set-cookie", take_set_cookie),
    ROW("cache-control", take_cache_control),
    ROW("last-modified", take_last_modified),
    ROW("content-encoding", take_encoding),
};

#undef ROW

void http_caching_take(struct http_caching *c, struct slice name, struct slice value) {
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (http_is_word(name, fields[i].name)) {
            fields[i].take(c, value);
            return;
        }
    }
}

bool http_caching_lifetime(const struct http_caching *c, int64_t answered, int64_t *ret_seconds) {
    int64_t from = http_caching_has(c, HTTP_CACHING_BIT(DATE)) ? c->date : answered;
    int64_t seconds;

    if (http_caching_has(c, HTTP_CACHING_BIT(S_MAXAGE))) {
        seconds = c->s_maxage;
    } else if (http_caching_has(c, HTTP_CACHING_BIT(MAX_AGE))) {
        seconds = c->max_age;
    } else if (http_caching_has(c, HTTP_CACHING_BIT(EXPIRES))) {
        seconds = http_caching_has(c, HTTP_CACHING_BIT(EXPIRES_IS_BAD)) ? 0 : c->expires - from;
    } else {
        return false;
    }
    seconds = seconds < HTTP_SECONDS_MAX ? seconds : HTTP_SECONDS_MAX;
    *ret_seconds = seconds > 0 ? seconds : 0;
    return true;
}
