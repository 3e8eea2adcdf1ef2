/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/judge_renew.h"

#include "origin/life.h"
#include "proto/http/chars.h"

void judge_outcome_begin(struct judge_outcome *out, unsigned status) {
    out->action = JUDGE_PASS_ON;
    out->obstacle = JUDGE_NO_OBSTACLE;
    out->failed = false;
    out->status = status;
    out->shared = false;
    out->held_ms = 0;
    out->keep_ms = 0;
}

static struct slice without_weakness(struct slice etag) {
    return slice_has_prefix(etag, SLICE("W/")) ? slice_skip(etag, 2) : etag;
}

/* RFC 9111, 4.3.4: a 304 that names a strong validator is about that alone; a weak one is compared weakly (RFC 9110,
 * 8.8.3.2); one that names none is about what was asked about. */
static bool is_about(const struct origin_answer *answer, const struct origin_entry *old) {
    struct slice etag = answer->caching.etag;
    struct slice modified = answer->caching.last_modified;

    if (etag.size > 0) {
        bool weak = slice_has_prefix(etag, SLICE("W/"));

        return weak ? slice_equal(without_weakness(etag), without_weakness(old->etag)) : slice_equal(etag, old->etag);
    }
    return modified.size == 0 || old->last_modified.size == 0 || slice_equal(modified, old->last_modified);
}

/* The fields that say which coding the body is in go with the body, which is the old one. */
static bool is_of_body(struct slice name) {
    return http_is_word(name, SLICE("content-encoding"));
}

/* RFC 9111, 3.2: each field of the new answer takes the place of those of its name. False: they do not fit. */
static bool update_fields(const struct origin_fields *from, struct origin_fields *fields) {
    for (unsigned i = 0; i < from->count; i++) {
        if (!is_of_body(from->all[i].name)) {
            origin_fields_remove(fields, from->all[i].name);
        }
    }
    for (unsigned i = 0; i < from->count; i++) {
        if (!is_of_body(from->all[i].name) && !origin_fields_add(fields, from->all[i].name, from->all[i].value)) {
            return false;
        }
    }
    return true;
}

/* The lifetime of the renewed answer: that of its fields together, each the newer one if both answers have it. An Expires is
 * a moment, so an old one does not begin anew. */
static void renew_lifetime(const struct judge_load *load, const struct origin_answer *answer, struct origin_entry *e) {
    const struct origin_entry *old = load->old;
    bool controlled = http_caching_has(&answer->caching, HTTP_CACHING_BIT(CACHE_CONTROL));
    bool directed = http_caching_has(&answer->caching, HTTP_CACHING_BIT(MAX_AGE) | HTTP_CACHING_BIT(S_MAXAGE));
    bool expires = http_caching_has(&answer->caching, HTTP_CACHING_BIT(EXPIRES));

    if (!controlled && (old->flags & ORIGIN_BY_DIRECTIVE) != 0) {
        e->flags |= ORIGIN_BY_DIRECTIVE;
        e->lifetime_ms = old->lifetime_ms;
        return;
    }
    life_read_lifetime(load->policy, answer, e);
    if (!directed && !expires && (old->flags & ORIGIN_BY_EXPIRES) != 0) {
        int64_t passed_ms = e->answered_ms - e->initial_age_ms - (old->answered_ms - old->initial_age_ms);
        int64_t left_ms = old->lifetime_ms - (passed_ms > 0 ? passed_ms : 0);

        e->flags |= ORIGIN_BY_EXPIRES;
        e->lifetime_ms = left_ms > 0 ? left_ms : 0;
    }
}

static void renew_directives(const struct judge_load *load, const struct origin_answer *answer,
                             struct origin_entry *e) {
    const struct origin_entry *old = load->old;
    const uint32_t flags = ORIGIN_NO_CACHE | ORIGIN_MUST_REVALIDATE | ORIGIN_IMMUTABLE;

    if (http_caching_has(&answer->caching, HTTP_CACHING_BIT(CACHE_CONTROL))) {
        life_read_directives(load->policy, answer, e);
    } else {
        e->flags |= old->flags & flags;
    }
}

static void renew_validators(const struct origin_answer *answer, struct origin_entry *e) {
    if (answer->caching.etag.size > 0) {
        e->etag = answer->caching.etag;
    }
    if (answer->caching.last_modified.size > 0) {
        e->last_modified = answer->caching.last_modified;
    }
    if (answer->content_type.size > 0) {
        e->content_type = answer->content_type;
    }
}

/* A 304 that may not be stored renews nothing beyond this moment: who waits gets the body, and the next one asks again. */
static void renew_for_now(struct origin_entry *e) {
    e->flags |= ORIGIN_MUST_REVALIDATE;
    e->lifetime_ms = 0;
    e->while_revalidate_ms = 0;
    e->if_error_ms = 0;
}

void judge_renew(const struct judge_load *load, const struct origin_answer *answer, struct judge_outcome *out) {
    struct origin_entry *e = &out->entry;

    *e = *load->old;
    if (!is_about(answer, load->old) || answer->outgrown || !update_fields(&answer->fields, &e->fields)) {
        out->action = JUDGE_RELOAD;
        return;
    }
    life_read_times(answer, e);
    renew_lifetime(load, answer, e);
    renew_directives(load, answer, e);
    renew_validators(answer, e);
    if (life_obstacle_in_words(answer) != JUDGE_NO_OBSTACLE) {
        renew_for_now(e);
    }
    out->action = JUDGE_RENEW;
    out->status = e->status;
    out->shared = true;
    out->keep_ms = life_keep_ms(load->policy, e);
    out->keep_ms = out->keep_ms > 0 ? out->keep_ms : 1; /* while those who wait are answered from it */
}
