/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_TARGET_H
#define LARDER_PROTO_HTTP_TARGET_H

#include <stdbool.h>

#include "base/slice.h"

/* What a request asks for (RFC 9112, 3.2), cut up but not changed: keys are opaque bytes, so nothing is ever normalised -
 * no dots are resolved, no slashes folded, nobody is redirected. All slices are raw pieces of the target. */
struct http_target {
    struct slice authority; /* of "http://authority/path"; otherwise data is NULL and the Host field counts */
    struct slice path;      /* up to the first '?'; begins with '/', or is "*" or, with an authority, empty */
    struct slice query;     /* behind the first '?'; data is NULL when there is none */
};

/* False: neither a path, nor an absolute http URI, nor "*". */
bool http_target_split(struct slice target, struct http_target *ret_target);

/* `s` percent-decoded once, with `plus` in place of each '+'. `place` has room for s.size bytes; *ret_bytes lies there. False:
 * a '%' without two hexadecimal digits behind it. */
bool http_percent_decode(struct slice s, char plus, char *place, struct slice *ret_bytes);

/* The bytes that a path stands for: one leading '/' is dropped, and the rest is percent-decoded once. `place` has room for
 * path.size bytes; *ret_bytes lies there, or in the path itself where nothing is encoded. False: a '%' without two
 * hexadecimal digits behind it. */
bool http_target_decode(struct slice path, char *place, struct slice *ret_bytes);

/* The parameters of a query, one after the other: name=value, parted by '&'. */
struct http_query {
    struct slice rest;
    char *place; /* room for as many bytes as the query has; the decoded slices lie there */
};

enum http_query_step { HTTP_QUERY_PARAMETER, HTTP_QUERY_END, HTTP_QUERY_BAD };

/* The next parameter, percent-decoded once. Here a '+' is a space, as forms, URLSearchParams and urlencode() write it
 * (in a path it is a '+'). Without a '=' the value's data is NULL; empty parameters ("a&&b") are passed over. BAD: a '%'
 * without two hexadecimal digits behind it. */
enum http_query_step http_query_next(struct http_query *query, struct slice *ret_name, struct slice *ret_value);

#endif
