/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_ORIGIN_H
#define LARDER_SESSION_HTTP_ORIGIN_H

#include "group/answer_stream.h"
#include "session/http_wish.h"

/* Answers of origins, as they lie in the table or have just come. */

/* Whether the reply has one. Else its result alone says what is to be answered. */
static inline bool http_origin_has_answer(const struct reply *reply) {
    return reply->item.head_size > 0 && reply->result != RESULT_NO_MEMORY;
}

/* Answers with it, or with 304 if the client has it already, and counts the request. */
void http_origin_answer(struct session *s, const struct http_value_ask *v, const struct reply *reply);

/* Writes what there is of an answer that is still coming, as far as there is room. The session is stalled if something is
 * left. */
void http_origin_flow(struct session *s, const struct http_value_ask *v, struct answer_stream *stream);

/* The end of one that was begun so: the rest of it; or, if it has broken off, that of the connection, so that nobody takes what
 * he has for the whole. `sized`: its length was known at the beginning. Counts the request. */
void http_origin_finish(struct session *s, const struct http_value_ask *v, const struct reply *reply, bool sized);

#endif
