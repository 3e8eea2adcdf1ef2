/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/loop.h"

/* A request on its way. It frees itself with the last answer. */
struct call {
    struct client *client;
    pipeline_done_fn *done;
    void *ctx;
    void *observed; /* the observer's */
};

struct client {
    struct loop *loop;
    struct peer_link *link;
    struct address server;
    const struct client_observer *observer; /* NULL: nobody is told */
    int64_t timeout_ns;
    size_t outstanding;
    bool running; /* client_wait is on the loop */
};

enum larder_error client_open(const struct address *server, const struct client_options *options,
                              struct client **ret_client) {
    struct peer_options peer = {.connect_timeout_ns = options->connect_timeout_ns, .seed = random_os_seed()};
    struct endpoint endpoints[PEER_ENDPOINTS_MAX];
    struct client *client;
    size_t count;
    enum larder_error error = endpoint_resolve(server, endpoints, PEER_ENDPOINTS_MAX, &count);

    if (error != LARDER_OK) {
        return error;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    client->server = *server;
    client->observer = options->observer;
    client->timeout_ns = options->timeout_ns;
    client->loop = loop_new();
    if (client->loop == NULL) {
        free(client);
        return LARDER_ERROR_NO_MEMORY;
    }
    error = peer_link_new(client->loop, endpoints, count, &peer, &client->link);
    if (error != LARDER_OK) {
        client_close(client);
        return error;
    }
    *ret_client = client;
    return LARDER_OK;
}

void client_close(struct client *client) {
    if (client != NULL) {
        peer_link_free(client->link);
        loop_free(client->loop);
        free(client);
    }
}

static void tell_end(const struct call *call, enum larder_error error, const struct answer *answer) {
    if (call->client->observer != NULL) {
        call->client->observer->end(call->observed, error, answer);
    }
}

static void on_done(void *ctx, enum larder_error error, const struct answer *answer) {
    struct call *call = ctx;
    struct client *client = call->client;
    bool is_last = answer == NULL || !answer->more;

    if (is_last) {
        tell_end(call, error, answer);
    }
    call->done(call->ctx, error, answer);
    if (!is_last) {
        return;
    }
    free(call);
    client->outstanding--;
    if (client->outstanding == 0 && client->running) {
        loop_stop(client->loop);
    }
}

static enum larder_error submit(struct client *client, const struct request *request, struct call *call) {
    struct request timed = *request;

    timed.deadline_ns = clock_monotonic_ns() + client->timeout_ns;
    return peer_link_submit(client->link, &timed, on_done, call);
}

/* Lets the loop do what is due and no more: between calls nobody runs it, and a connection that was lost meanwhile, or
 * a pause that is over, would go unnoticed. */
static void take_turn(struct client *client) {
    if (client->outstanding == 0 && !client->running) {
        loop_stop(client->loop);
        loop_run(client->loop);
    }
}

enum larder_error client_submit(struct client *client, const struct request *request, pipeline_done_fn *done,
                                void *ctx) {
    struct call *call = malloc(sizeof(*call));
    enum larder_error error;

    if (call == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    *call = (struct call){.client = client, .done = done, .ctx = ctx};
    if (client->observer != NULL) {
        call->observed = client->observer->begin(&client->server, request);
    }
    take_turn(client);
    error = submit(client, request, call);
    if (error == LARDER_ERROR_LIMIT && client->outstanding > 0) {
        client_wait(client);
        error = submit(client, request, call);
    }
    if (error != LARDER_OK) {
        tell_end(call, error, NULL);
        free(call);
        return error;
    }
    client->outstanding++;
    return LARDER_OK;
}

void client_wait(struct client *client) {
    if (client->outstanding == 0) {
        return;
    }
    assert(!client->running);
    client->running = true;
    peer_link_flush(client->link);
    loop_run(client->loop);
    client->running = false;
}

struct outcome {
    enum larder_error error;
    client_answer_fn *on_answer;
    void *ctx;
};

static void note(void *ctx, enum larder_error error, const struct answer *answer) {
    struct outcome *outcome = ctx;

    outcome->error = error;
    if (error == LARDER_OK) {
        outcome->on_answer(outcome->ctx, answer);
    }
}

enum larder_error client_call(struct client *client, const struct request *request, client_answer_fn *on_answer,
                              void *ctx) {
    struct outcome outcome = {.on_answer = on_answer, .ctx = ctx};
    enum larder_error error = client_submit(client, request, note, &outcome);

    if (error != LARDER_OK) {
        return error;
    }
    client_wait(client);
    return outcome.error;
}

void client_get(struct client *client, const struct slice *keys, size_t count, pipeline_done_fn *done, void *contexts,
                size_t stride) {
    for (size_t i = 0; i < count; i++) {
        void *ctx = (char *)contexts + i * stride;
        enum larder_error error =
            client_submit(client, &(struct request){.command = COMMAND_GET, .key = keys[i]}, done, ctx);

        if (error != LARDER_OK) {
            done(ctx, error, NULL);
        }
    }
    client_wait(client);
}

enum larder_error client_stats(struct client *client, struct slice name, client_answer_fn *on_answer, void *ctx) {
    return client_call(client, &(struct request){.command = COMMAND_STATS, .key = name}, on_answer, ctx);
}

enum larder_error client_flush(struct client *client, int64_t delay_s, client_answer_fn *on_answer, void *ctx) {
    return client_call(client, &(struct request){.command = COMMAND_FLUSH, .ttl = delay_s}, on_answer, ctx);
}
