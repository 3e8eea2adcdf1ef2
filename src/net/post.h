/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_POST_H
#define LARDER_NET_POST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* POST by HTTP/1.1, http and https, on a connection that is kept: for a thread of its own, which may wait. No redirect is
 * followed, and the environment's proxies do not count. */
struct post;

/* `ca_file`: authorities of https, PEM; NULL: the system's. NULL: no memory. */
struct post *post_new(const char *ca_file);

/* NULL is allowed. */
void post_free(struct post *post);

struct post_request {
    const char *url;
    const char *const *fields; /* "name: value" */
    size_t field_count;
    const char *content_type; /* "Content-Type: ..." */
    struct slice body;
    int64_t deadline_ns; /* of the monotonic clock */
    /* Another one, which may change meanwhile: then post_wake says so. */
    const _Atomic int64_t *end_ns;
};

enum { POST_WHY_MAX = 160, POST_BODY_MAX = 64 << 10 /* bytes of an answer's body that is kept */ };

struct post_answer {
    unsigned status;
    int64_t retry_after_s;  /* 0: nothing was said */
    struct slice body;      /* valid until the next post_send; empty if it is larger than POST_BODY_MAX */
    char why[POST_WHY_MAX]; /* what came of it, for people */
};

/* Sends, and waits for the answer; of a body that is too large no more than that is waited for. `ret_answer` is filled in in any case. Errors: NOT_FOUND (no such
 * host), REFUSED, UNREACHABLE, TIMEOUT (a deadline has come), CLOSED, PROTOCOL, INVALID (the URL), NO_MEMORY, IO. */
enum larder_error post_send(struct post *post, const struct post_request *request, struct post_answer *ret_answer);

/* Makes post_send look at *end_ns again. Any thread. */
void post_wake(struct post *post);

#endif
