/* SPDX-License-Identifier: Apache-2.0 */
/* What origins say of their answers: heads, parted by empty lines, each a status and fields. The first is stored if it may
 * be, the others come while it is; then requests ask for it that say the same things in their Cache-Control. Nothing said
 * makes an entry that cannot be written and read back, a time outside its bounds, or something stale served that must not
 * be. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/number.h"
#include "origin/judge.h"
#include "proto/http/chars.h"

#define ASKED_MS INT64_C(784111776500)
#define ANSWERED_MS INT64_C(784111777000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice take_line(struct slice *text) {
    const char *newline = text->size == 0 ? NULL : memchr(text->data, '\n', text->size);
    size_t size = newline == NULL ? text->size : (size_t)(newline - text->data);
    struct slice line = slice_make(text->data, size);

    if (text->size > 0) {
        *text = slice_skip(*text, newline == NULL ? size : size + 1);
    }
    return line;
}

/* As a head's lines are taken: names are tokens, values have no control characters and no space around them. */
static bool cut_line(struct slice line, struct slice *ret_name, struct slice *ret_value) {
    size_t name = http_span(line, HTTP_CHARS_TOKEN);

    if (name == 0 || name == line.size || line.data[name] != ':') {
        return false;
    }
    *ret_name = slice_make(line.data, name);
    *ret_value = http_trim(slice_skip(line, name + 1));
    return http_span(*ret_value, HTTP_CHARS_VALUE) == ret_value->size;
}

/* Saying everything twice says no more. */
static void check_caching(const struct http_caching *c, struct slice fields) {
    struct http_caching twice = *c;
    int64_t seconds = 0;

    while (fields.size > 0) {
        struct slice name, value;

        if (cut_line(take_line(&fields), &name, &value)) {
            http_caching_take(&twice, name, value);
        }
    }
    assert(twice.words == c->words && twice.max_age == c->max_age && twice.s_maxage == c->s_maxage);
    assert(twice.while_revalidate == c->while_revalidate && twice.if_error == c->if_error && twice.age == c->age);
    assert(twice.expires == c->expires && twice.date == c->date && slice_equal(twice.etag, c->etag));
    http_caching_lifetime(c, ANSWERED_MS / 1000, &seconds);
    assert(seconds >= 0 && seconds <= HTTP_SECONDS_MAX && c->age >= 0 && c->age <= HTTP_SECONDS_MAX);
}

static void read_answer(struct slice *text, const struct origin_policy *policy, struct origin_answer *ret_answer) {
    uint64_t status = 200;
    struct slice fields;

    number_parse_u64(take_line(text), &status);
    origin_answer_begin(ret_answer, (unsigned)(status % 1000), ASKED_MS, ANSWERED_MS);
    fields = *text;
    while (text->size > 0) {
        struct slice line = take_line(text);
        struct slice name, value;

        if (line.size == 0) {
            fields.size = (size_t)(line.data - fields.data);
            break;
        }
        if (cut_line(line, &name, &value)) {
            origin_answer_take(ret_answer, policy, name, value);
        }
    }
    check_caching(&ret_answer->caching, fields);
}

/* Writes it, reads it back, and writes that again. */
static void check_entry(const struct origin_entry *e) {
    static char first[ORIGIN_ENTRY_HEAD_MAX], second[ORIGIN_ENTRY_HEAD_MAX];
    struct origin_entry whole = *e;
    struct origin_entry read;
    size_t size = 0;

    whole.body = slice_make(NULL, 0);
    assert(origin_entry_head_size(&whole, &size) == LARDER_OK && size <= sizeof(first));
    assert(origin_entry_write_head(&whole, first) == size);
    assert(origin_entry_read(slice_make(first, size), &read) == LARDER_OK);
    assert(origin_entry_write_head(&read, second) == size && memcmp(first, second, size) == 0);
}

static void check_request(const struct origin_entry *e, struct slice fields, int64_t now_ms) {
    struct judge_wish wish = {.freshness = {.kind = FRESHNESS_CACHED}};
    struct judge_decision d;

    while (fields.size > 0) {
        struct slice name, value;

        if (cut_line(take_line(&fields), &name, &value)) {
            http_caching_request_take(&wish.caching, value);
        }
    }
    d = judge_request(e, &wish, now_ms);
    if (d.way == JUDGE_SERVE || d.way == JUDGE_SERVE_AND_REFRESH) {
        assert(e->kind != ORIGIN_MARKER && (e->flags & ORIGIN_NO_CACHE) == 0);
        assert(d.stale == (origin_entry_age_ms(e, now_ms) >= e->lifetime_ms));
        assert(!d.stale || (e->flags & ORIGIN_MUST_REVALIDATE) == 0);
    }
    assert(d.way != JUDGE_REVALIDATE || d.if_none_match.size > 0 || d.if_modified_since.size > 0);
    judge_survives_error(e, &wish, now_ms);
    wish.freshness.kind = FRESHNESS_LINEARIZABLE;
    d = judge_request(e, &wish, now_ms);
    assert(d.way != JUDGE_SERVE && d.way != JUDGE_SERVE_AND_REFRESH && !judge_survives_error(e, &wish, now_ms));
}

static bool has_entry(const struct judge_outcome *out) {
    return out->action == JUDGE_STORE || out->action == JUDGE_RENEW || out->action == JUDGE_MARK;
}

static void judge_all(struct slice text) {
    const struct slice declared[] = {SLICE("x-a"), SLICE("server")};
    struct origin_policy policy = origin_policy_default();
    struct judge_load load = {.policy = &policy, .may_store = true};
    const struct slice whole = text;
    struct origin_entry old;

    policy.declared = declared;
    policy.declared_count = sizeof(declared) / sizeof(declared[0]);
    while (text.size > 0) {
        struct origin_answer answer;
        struct judge_outcome out;

        read_answer(&text, &policy, &answer);
        judge_answer(&load, &answer, &out);
        assert(out.obstacle < JUDGE_OBSTACLE_COUNT && judge_obstacle_label(out.obstacle) != NULL);
        assert(out.action != JUDGE_KEEP || load.old != NULL);
        if (has_entry(&out)) {
            assert(out.keep_ms > 0);
            check_entry(&out.entry);
            check_request(&out.entry, whole, ANSWERED_MS);
            check_request(&out.entry, whole, ANSWERED_MS + out.entry.lifetime_ms);
            old = out.entry;
            load.old = &old;
            load.conditional = origin_entry_has_validator(&old);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size == 0 ? 1 : size);

    assert(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    judge_all(slice_make(exact, size));
    free(exact);
    return 0;
}
