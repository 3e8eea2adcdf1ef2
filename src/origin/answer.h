/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_ANSWER_H
#define LARDER_ORIGIN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "origin/fields.h"
#include "origin/policy.h"
#include "proto/http/caching.h"

/* The head of an origin's answer, gathered field by field as it comes, for judge_answer. */

enum { ORIGIN_CONNECTION_LINES_MAX = 4 /* of the field Connection; no sender needs more than one */ };

struct origin_answer {
    unsigned status;     /* as it came, also of no meaning */
    int64_t asked_ms;    /* when the request began; wall time, ms since 1970-01-01 UTC */
    int64_t answered_ms; /* when the head was there */
    /* Bytes of the body; -1: not told, which origin_answer_begin sets. Whoever reads the connection knows which length counts,
     * and sets it. */
    int64_t content_length;
    struct http_caching caching;
    struct slice content_type;
    struct origin_fields fields; /* those to be stored */
    bool outgrown;               /* something that must be stored with it does not fit the ceilings of entry.h */
    unsigned connection_count;
    struct slice connection[ORIGIN_CONNECTION_LINES_MAX]; /* names of fields that belong to the connection */
};

/* A head with this status and no fields yet. An answer in pieces (100 Continue, then 200) begins anew with each. */
void origin_answer_begin(struct origin_answer *a, unsigned status, int64_t asked_ms, int64_t answered_ms);

/* Takes the next header field, in the order in which they came, `value` without white space around it. Both are borrowed as
 * long as the answer, or an outcome that came of it, is used. */
void origin_answer_take(struct origin_answer *a, const struct origin_policy *policy, struct slice name,
                        struct slice value);

#endif
