/* SPDX-License-Identifier: Apache-2.0 */
#include "group/policy.h"
#include "proto/http/chars.h"

struct origin_policy group_origin_policy(const struct group_policy *policy,
                                         struct slice place[GROUP_ORIGIN_FIELDS_MAX]) {
    struct origin_policy answers = policy->origin.answers;
    struct slice list = slice_make(policy->origin.fields, policy->origin.fields_size);

    answers.declared = place;
    answers.declared_count = 0;
    while (answers.declared_count < GROUP_ORIGIN_FIELDS_MAX && http_list_next(&list, &place[answers.declared_count])) {
        answers.declared_count++;
    }
    return answers;
}

const char *group_origin_url_problem(struct slice url) {
    struct slice rest = url;

    if (slice_has_prefix(url, SLICE("http://"))) {
        rest = slice_skip(url, SLICE("http://").size);
    } else if (slice_has_prefix(url, SLICE("https://"))) {
        rest = slice_skip(url, SLICE("https://").size);
    } else {
        return "does not begin with http:// or https://";
    }
    if (url.size > GROUP_ORIGIN_URL_MAX) {
        return "is longer than 512 bytes";
    }
    if (rest.size == 0 || http_span(rest, HTTP_CHARS_HOST) == 0) {
        return "names no host";
    }
    if (http_span(rest, HTTP_CHARS_TARGET) != rest.size) {
        return "has a blank, a '#' or a control character in it";
    }
    if (memchr(rest.data, '?', rest.size) != NULL) {
        return "has a '?' in it: queries come from the keys";
    }
    if (memchr(rest.data, '@', rest.size) != NULL) {
        return "has a '@' in it: a name and a password are not sent";
    }
    return NULL;
}
