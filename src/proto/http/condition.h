/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_CONDITION_H
#define LARDER_PROTO_HTTP_CONDITION_H

#include "model/condition.h"
#include "proto/http/head.h"

/* Reads If-Match and If-None-Match (RFC 9110, 13.1) where the entity tag of a value is its number and `suffix`, in quotes.
 * Numbers that begin anew with the process need a suffix that does not, or a tag could belong to two values. A tag that has
 * not this form is understood and belongs to no value. A weak tag never matches in If-Match, and counts like a strong one
 * in If-None-Match. False: a list that is malformed, mixes "*" with tags, or has more than CONDITION_NUMBERS_MAX
 * numbers. It is refused, because a condition that is passed over could let a write through. */
bool http_conditions_read(const struct http_head *head, struct slice suffix, struct conditions *ret_conditions);

/* Whether a value of If-None-Match, a list of entity tags or "*", names this one, which is whole; by weak comparison (RFC 9110,
 * 8.8.3.2). What is malformed names none that stands behind it. */
bool http_tags_name(struct slice list, struct slice etag);

#endif
