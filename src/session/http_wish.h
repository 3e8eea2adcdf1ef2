/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_WISH_H
#define LARDER_SESSION_HTTP_WISH_H

#include "proto/http/caching_request.h"
#include "session/http.h"

/* What a request for a key, or for keys, says, read from its target and its head. */

/* What the answer to a request for one key needs. It is plain data but for the slices. */
struct http_value_ask {
    struct http_ask ask;
    bool durable;                   /* the key belongs to a store group */
    bool origin;                    /* the key belongs to an origin group */
    struct slice key;               /* as clients name it */
    struct slice tag_suffix;        /* of entity tags in its group; static, or the worker's */
    struct conditions conditions;   /* none in an origin group */
    struct slice if_none_match;     /* the field's value, in an origin group; data is NULL: none was given */
    struct slice if_modified_since; /* likewise */
    int64_t min_revision;           /* an answer to a read that is of less is none; 0: any will do */
};

struct http_wish {
    struct http_value_ask value;
    const struct group_policy *policy;
    struct http_parameters parameters;
    bool has_freshness;
    struct freshness freshness;
    struct http_caching_request caching; /* in an origin group */
    /* Where what had to be decoded lies. */
    char key_place[HTTP_HEAD_MAX];
    char query_place[HTTP_HEAD_MAX];
};

enum { HTTP_PROBLEM_MAX = 320 };

/* Why a request is not understood. */
struct http_problem {
    unsigned status;
    bool about_key; /* the key was read, and it is about it */
    size_t size;
    char text[HTTP_PROBLEM_MAX];
};

/* False: *ret_problem says why, and as much of the wish is filled in as http_session_refuse_problem needs. */
bool http_wish_read(struct session *s, const struct http_request *r, struct http_wish *ret_wish,
                    struct http_problem *ret_problem);

/* Whether only such parameters were given. False: *ret_problem names one that was not allowed. */
bool http_wish_allows(const struct http_wish *w, uint32_t parameters, struct http_problem *ret_problem);

/* Sees to it that a read is not answered from before the revision that it wants to be reached. If that is not here yet, the
 * read becomes linearizable, and w->value.min_revision has the answer checked. False, for a read of the past: it is to be
 * refused. */
bool http_wish_reach(struct session *s, struct http_wish *w);

void http_session_refuse_problem(struct session *s, const struct http_wish *w, const struct http_problem *problem);

#endif
