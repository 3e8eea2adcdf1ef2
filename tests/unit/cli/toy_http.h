/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_CLI_TOY_HTTP_H
#define LARDER_TESTS_CLI_TOY_HTTP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "toy_server.h"

/* Just enough of HTTP for a load generator: GET, PUT and DELETE of paths, without their queries. */

enum { TOY_PATHS = 4096, TOY_PATH_MAX = 128, TOY_BODY_MAX = 64 };

struct toy_path {
    char path[TOY_PATH_MAX];
    char body[TOY_BODY_MAX];     /* the beginning of it */
    char previous[TOY_BODY_MAX]; /* what it held before */
    size_t size;                 /* plus 1; 0: absent */
    size_t previous_size;
};

struct toy_http {
    enum toy_fault fault;
    unsigned reads;
    unsigned gets, puts, deletes;
    struct toy_path paths[TOY_PATHS];
};

/* Whether these bytes begin a request of HTTP. */
bool toy_http_is(struct slice in);

/* Answers the first request. Returns the bytes that it takes; 0: it has not arrived whole. */
size_t toy_http_answer(struct toy_http *http, struct slice in, struct buf *out);

#endif
