/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_VALUE_H
#define LARDER_SESSION_HTTP_VALUE_H

#include "session/http_wish.h"
#include "session/slots.h"

/* Answers to requests for one key. */

#define HTTP_VALUE_NOT_REACHED SLICE("the revision of min_rev is not reached yet")

/* Runs the request; its answer comes in its turn, perhaps later. */
void http_value_run(struct session *s, const struct http_value_ask *v, struct request *request);

/* Answers in its turn what is complete or pending. */
void http_value_reply(struct session *s, const struct http_value_ask *v, const struct request *request,
                      struct reply *reply);

/* Answers with what became of it, lets go of what the reply held and counts the request. For a reply whose turn it is. */
void http_value_answer(struct session *s, const struct http_value_ask *v, struct reply *reply);

/* The fields that say how fresh the answer to a read of a store group is, and where it came from. */
void http_value_freshness(struct http_answer *a, const struct reply *reply);

/* Whether it is of the revision that the read wants to be reached. False: it was answered so. */
bool http_value_is_reached(struct session *s, const struct http_value_ask *v, const struct reply *reply);

/* An error about the key, at once. */
void http_value_refuse(struct session *s, const struct http_value_ask *v, unsigned status, struct slice text,
                       enum result result);

#endif
