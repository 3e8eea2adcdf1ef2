/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/option_checks.h"
#include "daemon/pool_option.h"
#include "origin/entry.h"

/* What of an entry is not its body: the head, the key, the table's own. */
enum { BESIDE_BODY = 16 << 10 };

_Static_assert(BESIDE_BODY > ORIGIN_ENTRY_HEAD_MAX + REQUEST_KEY_MAX + 64, "a body of max_body fits with any head");

/* The longest body that fits into an entry of `most` bytes. */
static uint64_t most_body(uint64_t most) {
    return most >= 4 * BESIDE_BODY ? most - BESIDE_BODY : most / 4 * 3;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static struct slice origin_url(const struct group_policy *group) {
    return slice_make(group->origin.url, group->origin.url_size);
}

void origin_group_settle(struct options *o, size_t index, struct place place, struct diagnostics *d) {
    struct group_policy *group = &o->groups[index];
    struct origin_policy *answers = &group->origin.answers;
    uint64_t most = most_body(o->max_item);

    if (index == GROUP_DEFAULT) {
        diagnostics_mistake(d, place,
                            "the group \"default\" is always memory; declare a group of another name for an origin");
    } else if (group->origin.url_size == 0) {
        diagnostics_mistake(d, place, "group \"%s\": backing = origin needs origin = http://HOST:PORT", group->name);
    }
    if (group->origin.ca[0] != '\0' && slice_has_prefix(origin_url(group), SLICE("http://"))) {
        diagnostics_mistake(d, place, "group \"%s\": origin-ca is for https, and its origin is asked by http",
                            group->name);
    }
    if (group->max_ttl > 0) {
        answers->max_ttl_ms = group->max_ttl * 1000;
    }
    answers->ttl_ms = group->has_ttl ? group->ttl * 1000 : least(answers->ttl_ms, answers->max_ttl_ms);
    group->ttl = answers->ttl_ms / 1000;
    answers->max_body = group->max_item < most ? group->max_item : most;
    pool_group_settle(o, group, place, d);
}

const char *origin_option_set_in(const struct group_policy *group) {
    const struct group_policy plain = group_policy_make(group_policy_name(group), 0);
    const struct group_origin *a = &group->origin, *b = &plain.origin;

    if (a->url_size != 0) {
        return "origin";
    }
    if (a->ca[0] != '\0') {
        return "origin-ca";
    }
    if (a->answers.absent_ttl_ms != b->answers.absent_ttl_ms) {
        return "absent-ttl";
    }
    if (a->answers.error_ttl_ms != b->answers.error_ttl_ms) {
        return "error-ttl";
    }
    if (a->answers.marker_ttl_ms != b->answers.marker_ttl_ms) {
        return "marker-ttl";
    }
    if (a->answers.while_revalidate_ms != b->answers.while_revalidate_ms) {
        return "stale-while-revalidate";
    }
    if (a->answers.if_error_ms != b->answers.if_error_ms) {
        return "stale-if-error";
    }
    if (a->answers.keep_ms != b->answers.keep_ms) {
        return "keep";
    }
    if (a->timeout_ns != b->timeout_ns) {
        return "origin-timeout";
    }
    if (a->connections != b->connections) {
        return "origin-connections";
    }
    return a->fields_size != 0 ? "headers" : a->pooled ? "ring" : pool_option_set_in(group);
}
