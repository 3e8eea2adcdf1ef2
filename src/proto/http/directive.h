/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_DIRECTIVE_H
#define LARDER_PROTO_HTTP_DIRECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The directives of Cache-Control, of requests and of responses alike (RFC 9111, 5.2): a list of names, each perhaps with
 * "=" and an argument, a token or a quoted string. */

/* The most that a number of seconds says: what is larger counts as this (RFC 9111, 1.2.2). */
#define HTTP_SECONDS_MAX (INT64_C(1) << 31)

/* Slices point into the field's value. */
struct http_directive {
    struct slice name;
    bool has_argument;
    bool quoted;           /* the argument was; its quotes are off, its backslashes are not */
    bool malformed;        /* there is something that is none of this; the argument means nothing */
    struct slice argument; /* raw */
};

/* Takes the next directive off a list, past empty ones. Commas in quotes part nothing, unless the quotes do not end: then
 * they are no quotes, so that they hide nothing that stands behind them. A directive that begins with no name is passed
 * over. False: there is none left. */
bool http_directive_next(struct slice *list, struct http_directive *ret_directive);

/* The argument as a number of seconds (delta-seconds), quoted or not, at most HTTP_SECONDS_MAX. False, with *ret_seconds
 * untouched: there is none, or it is no number. */
bool http_directive_seconds(const struct http_directive *directive, int64_t *ret_seconds);

/* Digits and nothing else, at most HTTP_SECONDS_MAX. False, with *ret_seconds untouched: it is no number. */
bool http_seconds_read(struct slice text, int64_t *ret_seconds);

#endif
