/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/etcd/link.h"
#include "cli/bench/tally.h"
#include "net/loop.h"
#include "net/timer.h"

struct asking {
    struct link_call base;
    const struct ask *ask;
    struct link link;
    struct loop *loop;
    struct timer *timer;
    char *input;
    struct buf *answer;
    struct ask_end *end;
};

static void end_with(struct asking *a, enum grpc_status status, const char *text) {
    a->end->status = status;
    snprintf(a->end->text, sizeof(a->end->text), "%s", text);
    loop_stop(a->loop);
}

static void on_message(struct link_call *owner, struct slice message) {
    struct asking *a = (struct asking *)owner;

    if (buf_append_slice(a->answer, message) != LARDER_OK) {
        end_with(a, GRPC_RESOURCE_EXHAUSTED, "the answer is too large, or there is no memory for it");
    }
}

static void on_end(struct link_call *owner, const struct grpc_end *end) {
    struct asking *a = (struct asking *)owner;
    char text[ASK_TEXT_MAX];

    tally_copy_text(end->text, text, sizeof(text));
    end_with(a, end->status, text);
}

static const struct link_call_ops call_ops = {.on_message = on_message, .on_end = on_end};

static void on_connect(void *ctx) {
    struct asking *a = ctx;
    struct grpc_call_options options = {.token = a->ask->token, .timeout_ns = a->ask->timeout_ns};
    struct grpc_call *call = grpc_client_call(a->link.client, a->ask->path, &options);
    char *at = call == NULL ? NULL : grpc_call_message(call, a->ask->request.size);

    if (at == NULL) {
        end_with(a, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    call->owner = &a->base;
    if (a->ask->request.size > 0) {
        memcpy(at, a->ask->request.data, a->ask->request.size);
    }
    grpc_call_end_sending(call);
}

static void on_wake(void *ctx) {
    (void)ctx;
}

static void on_lost(void *ctx, const struct link *link, const char *why) {
    (void)link;
    end_with(ctx, GRPC_UNAVAILABLE, why);
}

static void on_time(void *ctx) {
    end_with(ctx, GRPC_DEADLINE_EXCEEDED, "no answer in time");
}

static const struct link_events link_events = {.on_connect = on_connect, .on_wake = on_wake, .on_lost = on_lost};

static void converse(struct asking *a) {
    enum larder_error error =
        link_open(&a->link, a->loop, a->ask->endpoint, a->ask->authority, a->input, &link_events, a);

    if (error != LARDER_OK) {
        end_with(a, GRPC_UNAVAILABLE, larder_error_text(error));
    } else {
        timer_start(a->timer, a->ask->timeout_ns, 0);
        loop_run(a->loop);
    }
    link_close(&a->link);
    timer_free(a->timer);
    loop_free(a->loop);
    link_free(&a->link);
}

bool ask(const struct ask *ask, struct buf *answer, struct ask_end *ret_end) {
    struct asking a = {.base = {&call_ops}, .ask = ask, .answer = answer, .end = ret_end};

    *ret_end = (struct ask_end){.status = GRPC_RESOURCE_EXHAUSTED, .text = "out of memory"};
    a.input = malloc(LINK_INPUT_BYTES);
    a.loop = a.input == NULL ? NULL : loop_new();
    a.timer = a.loop == NULL ? NULL : timer_new(a.loop, on_time, &a);
    if (a.timer != NULL) {
        converse(&a);
    } else if (a.loop != NULL) {
        loop_free(a.loop);
    }
    free(a.input);
    return ret_end->status == GRPC_OK;
}
