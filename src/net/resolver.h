/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_RESOLVER_H
#define LARDER_NET_RESOLVER_H

#include "net/address.h"

struct loop;
struct resolver;
struct resolution;

/* Looks names up without holding up its loop: getaddrinfo runs on a thread of its own, started with the first name. */

/* NULL: out of memory. */
struct resolver *resolver_new(struct loop *loop);

/* What is under way is forgotten; waits for the name that is being looked up. Not from inside `done`. NULL is allowed. */
void resolver_free(struct resolver *resolver);

enum { RESOLUTION_ENDPOINTS_MAX = 8, RESOLVER_WAITING_MAX = 256 /* lookups under way; more fail with LIMIT */ };

/* Endpoints to try in that order; or why there are none: those of endpoint_resolve, or LIMIT. */
typedef void resolver_fn(void *ctx, enum larder_error error, const struct endpoint *endpoints, size_t count);

/* `done` is called once, later, on the loop's thread; numeric addresses and Unix paths need no thread. NULL: out of memory, and
 * `done` is not called. */
struct resolution *resolver_find(struct resolver *resolver, const struct address *address, resolver_fn *done,
                                 void *ctx);

/* `done` will not be called. Not after it was. */
void resolution_forget(struct resolution *resolution);

#endif
