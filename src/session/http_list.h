/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_LIST_H
#define LARDER_SESSION_HTTP_LIST_H

#include "session/http_wish.h"

/* Requests for many keys of a store group. */

/* The parameters that make a GET one for a group's keys. */
enum {
    HTTP_LIST_MARKS =
        HTTP_PARAMETER_BIT(PREFIX) | HTTP_PARAMETER_BIT(AFTER) | HTTP_PARAMETER_BIT(LIMIT) | HTTP_PARAMETER_BIT(VALUES),
};

/* Takes the path for a group's: "/group" or "/group/". False: it names none; w->value is as it was. */
bool http_wish_find_group(struct session *s, struct http_wish *w);

void http_session_refuse_group(struct session *s, const struct http_wish *w);

/* The client's name of a key of the store; it lies in `scratch` until that is used again. Errors: LIMIT, NO_MEMORY. */
enum larder_error http_show_key(const struct group_policy *policy, struct slice store_key, struct buf *scratch,
                                struct slice *ret_key);

/* Answers with a page of keys. */
void http_session_list(struct session *s, struct http_wish *w);

#endif
