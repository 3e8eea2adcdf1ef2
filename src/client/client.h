/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLIENT_CLIENT_H
#define LARDER_CLIENT_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "net/address.h"
#include "peer/link.h"

/* A client of one server that blocks: for tools, and for threads without a loop. It belongs to one thread.
 *
 * Errors of a call are of two kinds. That the server could not be asked, or did not answer, is an error code: those of
 * peer_link_submit. What the server answered, a refusal included, is a result in the answer. */
struct client;

/* Told of each request, for traces. */
struct client_observer {
    /* It is put on its way to the server. What this returns, NULL included, is what `end` gets. */
    void *(*begin)(const struct address *server, const struct request *request);
    /* It has ended, with its last answer, or with an error and without one: `answer` is NULL then. */
    void (*end)(void *call, enum larder_error error, const struct answer *answer);
};

struct client_options {
    int64_t connect_timeout_ns;             /* for each address of the server */
    int64_t timeout_ns;                     /* for each request, connecting included */
    const struct client_observer *observer; /* outlives the client; NULL: nobody is told */
};

/* Looks the server up and begins to connect; whether it answers, the first call tells. The caller owns the client. Errors:
 * NOT_FOUND (no such host), TIMEOUT (the resolver), NO_MEMORY, IO. */
enum larder_error client_open(const struct address *server, const struct client_options *options,
                              struct client **ret_client);

/* NULL is allowed. */
void client_close(struct client *client);

/* Puts a request on its way (its deadline is set here) and does not wait; `done` comes from a later client_submit or
 * client_wait. When the queue is full, it waits until it is empty. Errors, after which `done` does not come: those of
 * peer_link_submit. */
enum larder_error client_submit(struct client *client, const struct request *request, pipeline_done_fn *done,
                                void *ctx);

/* Waits until every request that was submitted has ended. */
void client_wait(struct client *client);

/* Told each answer of a call; the slices are valid during it. */
typedef void client_answer_fn(void *ctx, const struct answer *answer);

/* Submits, waits, and tells on_answer what came, as often as STATS has lines and otherwise once. */
enum larder_error client_call(struct client *client, const struct request *request, client_answer_fn *on_answer,
                              void *ctx);

/* The short forms of client_call. */

/* `done` comes `count` times, in the order of the keys, with the context that is `stride` bytes behind the last one's. All
 * are asked at once. */
void client_get(struct client *client, const struct slice *keys, size_t count, pipeline_done_fn *done, void *contexts,
                size_t stride);

/* `name` is empty for the general statistics. */
enum larder_error client_stats(struct client *client, struct slice name, client_answer_fn *on_answer, void *ctx);

enum larder_error client_flush(struct client *client, int64_t delay_s, client_answer_fn *on_answer, void *ctx);

#endif
