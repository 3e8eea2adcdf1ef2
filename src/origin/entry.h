/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_ENTRY_H
#define LARDER_ORIGIN_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "origin/fields.h"
#include "proto/http/caching.h"

/* How an answer of an origin lies in a value of the table: a head, and behind it the body as it came. Numbers are big-endian:
 *
 *     u8   0x96, then u8 the version, 1
 *     u8   the kind          u8   flags
 *     u16  the status        u16  how many fields
 *     u32  bytes of the head, all of this up to the body
 *     u16  bytes of the entity tag, then of Last-Modified, then of Content-Type; u16 0
 *     u64  bytes of the body
 *     i64  asked, answered, held (ms since 1970-01-01 UTC); Date (s)
 *     i64  initial age, lifetime, stale-while-revalidate, stale-if-error (ms)
 *     the three texts; then of each field u16 bytes of its name, u16 of its value, the name, the value
 *
 * Nodes give such values to each other, so nothing in them is believed that was not checked. Instants are wall time, and
 * nodes that share entries have clocks in step. */

enum {
    ORIGIN_ENTRY_VERSION = 1,
    ORIGIN_ENTRY_FIXED = 92,                    /* bytes of a head without its texts and fields */
    ORIGIN_ENTRY_TEXT_MAX = HTTP_VALIDATOR_MAX, /* bytes of each of the three texts */
    ORIGIN_ENTRY_HEAD_MAX = ORIGIN_ENTRY_FIXED + 3 * ORIGIN_ENTRY_TEXT_MAX + ORIGIN_FIELDS_SIZE_MAX, /* bytes */
};

/* The longest time, and the latest instant, in milliseconds: sums of them do not overflow. */
#define ORIGIN_SPAN_MAX (HTTP_SECONDS_MAX * 1000)
#define ORIGIN_INSTANT_MAX (INT64_C(1) << 53)

/* The longest that an origin is not asked after it failed; what says more comes of a clock that was set back. */
#define ORIGIN_HOLD_MAX (INT64_C(600) * 1000)

enum origin_kind {
    ORIGIN_ANSWER, /* of a status below 400 */
    ORIGIN_ABSENT, /* 404, 410: the origin has no such thing */
    ORIGIN_ERROR,  /* another status from 400 on; 502 or 504, without a body, also if the origin gave no answer */
    ORIGIN_MARKER, /* what the origin answers for this key is not to be stored: no status, no fields, no body */
    ORIGIN_KIND_COUNT
};

enum origin_entry_flag {
    ORIGIN_NO_CACHE = 1 << 0,        /* never served without asking the origin: RFC 9111, 5.2.2.4 */
    ORIGIN_MUST_REVALIDATE = 1 << 1, /* never served stale: 5.2.2.2, 5.2.2.8, 5.2.2.10 */
    ORIGIN_IMMUTABLE = 1 << 2,       /* RFC 8246 */
    ORIGIN_DATED = 1 << 3,           /* it has a Date */
    ORIGIN_BY_DIRECTIVE = 1 << 4, /* the lifetime is from Cache-Control; neither of the two: from the group's policy */
    ORIGIN_BY_EXPIRES = 1 << 5,   /* the lifetime is from Expires */
    ORIGIN_FLAGS_ALL = (1 << 6) - 1,
};

/* Instants are in milliseconds since 1970-01-01 UTC. */
struct origin_entry {
    enum origin_kind kind;
    unsigned status; /* 200 to 599; 0 of a marker */
    uint32_t flags;
    int64_t asked_ms;    /* when the request began that this, or its last 304, is the answer to */
    int64_t answered_ms; /* when the answer's head was there */
    int64_t held_ms;     /* the origin failed, and is not asked before that; 0: it did not */
    int64_t date; /* the origin's Date in seconds, if ORIGIN_DATED. To be sent on as such: Expires is relative to it */
    int64_t initial_age_ms;      /* when it was answered: corrected_initial_age of RFC 9111, 4.2.3 */
    int64_t lifetime_ms;         /* fresh while its age is less */
    int64_t while_revalidate_ms; /* how long after that it is served while it is refreshed */
    int64_t if_error_ms;         /* how long after that it is served if the origin fails */
    struct slice etag;           /* whole; empty: none */
    struct slice last_modified;  /* as it came; empty: none */
    struct slice content_type;   /* likewise */
    struct origin_fields fields;
    struct slice body;
};

/* Checks an entry against the ceilings, and says how many bytes its head takes. `body.data` is not looked at. Errors: LIMIT
 * (a ceiling), INVALID (bytes that may not stand in a header field, a number out of its range; a body or fields of a marker).
 * What outcomes of judge.h hold has neither. */
enum larder_error origin_entry_head_size(const struct origin_entry *e, size_t *ret_size);

/* Writes the head to `place`, which has room for as many bytes as origin_entry_head_size said; returns how many. The body
 * belongs right behind it; only its size is used here, so it may come later. */
size_t origin_entry_write_head(const struct origin_entry *e, char *place);

/* Reads a whole value, head and body. Slices point into it. Errors: INVALID, with *ret_entry undefined: it is none, or one of
 * another version, or is damaged; then it is as if there were none. */
enum larder_error origin_entry_read(struct slice value, struct origin_entry *ret_entry);

/* Changes held_ms of a value that origin_entry_read has read, where it lies. */
void origin_entry_hold(char *value, int64_t held_ms);

/* Changes the size of the body in a head that was written before the size was known. */
void origin_entry_set_body_size(char *head, uint64_t size);

/* current_age of RFC 9111, 4.2.3, in milliseconds; 0 or more. A clock that was set back makes nothing younger than it was. */
int64_t origin_entry_age_ms(const struct origin_entry *e, int64_t now_ms);

/* Whether there is something to ask the origin with whether it has changed. */
static inline bool origin_entry_has_validator(const struct origin_entry *e) {
    return e->etag.size > 0 || e->last_modified.size > 0;
}

#endif
