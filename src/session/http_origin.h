/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_ORIGIN_H
#define LARDER_SESSION_HTTP_ORIGIN_H

#include "session/http_wish.h"

/* Answers of origins, as they lie in the table or have just come. */

/* Whether the reply has one. Else its result alone says what is to be answered. */
static inline bool http_origin_has_answer(const struct reply *reply) {
    return reply->item.head_size > 0 && reply->result != RESULT_NO_MEMORY;
}

/* Answers with it, or with 304 if the client has it already, and counts the request. */
void http_origin_answer(struct session *s, const struct http_value_ask *v, const struct reply *reply);

#endif
