/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_CONDITION_H
#define LARDER_PROTO_HTTP_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/http/head.h"

/* If-Match and If-None-Match (RFC 9110, 13.1) where the entity tag of a value is a number in quotes: the revision at which
 * it was last changed. A tag that has not this form is understood and belongs to no value. */

enum { HTTP_CONDITION_TAGS_MAX = 16 /* that could belong to a value, in one condition */ };

enum http_condition_kind {
    HTTP_CONDITION_NONE, /* the field was not given */
    HTTP_CONDITION_ANY,  /* "*": any value there is */
    HTTP_CONDITION_LIST,
};

struct http_condition {
    enum http_condition_kind kind;
    unsigned count;
    uint64_t revisions[HTTP_CONDITION_TAGS_MAX];
};

struct http_conditions {
    struct http_condition match;      /* If-Match: a weak tag never matches */
    struct http_condition none_match; /* If-None-Match: weak tags count like strong ones */
};

/* Reads both. False: a list that is malformed, mixes "*" with tags, or has more than HTTP_CONDITION_TAGS_MAX tags. It is
 * refused, because a condition that is passed over could let a write through. */
bool http_conditions_read(const struct http_head *head, struct http_conditions *ret_conditions);

/* Whether the value, if there is one (`exists`), of this revision is among those that the condition names. Not for
 * HTTP_CONDITION_NONE. */
bool http_condition_names(const struct http_condition *condition, bool exists, uint64_t revision);

/* Whether both conditions let the request go on. If not, a GET or HEAD whose If-Match held is answered with 304, everything
 * else with 412. */
bool http_conditions_hold(const struct http_conditions *conditions, bool exists, uint64_t revision);

#endif
