/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory refuses the call or ends the connection, never more: each allocation fails in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/client.h"
#include "proto/grpc/server.h"

static long until_failure = -1; /* allocations that still succeed; below 0: all */

/* The allocator's three, which the linker puts in front of the C library's for this program alone. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

static bool fails(void) {
    if (until_failure > 0) {
        until_failure--;
    }
    return until_failure == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size) {
    return fails() ? NULL : __real_realloc(data, size);
}

struct run {
    size_t opened;
    size_t closed;
    size_t began;
    size_t ended;
};

static void on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct run *run = ctx;

    (void)head;
    run->opened++;
    stream->owner = run;
}

static void on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    char *copy = grpc_stream_message(stream, message.size);

    (void)ctx;
    if (copy != NULL && message.size > 0) {
        memcpy(copy, message.data, message.size);
    }
}

static void on_end(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    grpc_stream_finish(stream, stream->id % 4 == 1 ? GRPC_OK : GRPC_ABORTED, SLICE("50%"));
}

static void on_room(void *ctx, struct grpc_stream *stream) {
    (void)ctx;
    (void)stream;
}

static void on_close(void *ctx, struct grpc_stream *stream) {
    struct run *run = ctx;

    assert_ptr_equal(stream->owner, run);
    run->closed++;
}

static void on_answer(void *ctx, struct grpc_call *call, struct slice message) {
    (void)ctx;
    (void)call;
    (void)message;
}

static void on_call_close(void *ctx, struct grpc_call *call, const struct grpc_end *end) {
    struct run *run = ctx;

    (void)call;
    (void)end;
    run->ended++;
}

static const struct grpc_server_events server_events = {on_open, on_message, on_end, on_room, on_close};
static const struct grpc_client_events client_events = {on_answer, NULL, on_call_close};

static void call_all(struct grpc_client *client, struct run *run) {
    static const size_t sizes[] = {10, 3000, 0, 40000};

    for (unsigned i = 0; i < 4; i++) {
        struct grpc_call_options options = {.token = SLICE("token"), .timeout_ns = 1000, .has_leader = true};
        struct grpc_call *call = grpc_client_call(client, SLICE("/x/y"), &options);
        char *message;

        if (call == NULL) {
            continue;
        }
        run->began++;
        message = grpc_call_message(call, sizes[i]);
        if (message == NULL) {
            grpc_call_cancel(call);
            continue;
        }
        memset(message, 'x', sizes[i]);
        grpc_call_end_sending(call);
    }
}

static void converse(struct grpc_client *client, struct grpc_server *server) {
    struct outbox up;
    struct outbox down;
    bool more;

    outbox_init(&up, SIZE_MAX / 2);
    outbox_init(&down, SIZE_MAX / 2);
    for (int round = 0; round < 8; round++) {
        (void)grpc_client_write(client, &up, 20000, &more);
        (void)grpc_server_feed(server, buf_slice(&up.bytes));
        outbox_clear(&up, SIZE_MAX);
        (void)grpc_server_write(server, &down, 20000, &more);
        (void)grpc_client_feed(client, buf_slice(&down.bytes));
        outbox_clear(&down, SIZE_MAX);
    }
    outbox_fini(&up);
    outbox_fini(&down);
}

/* Whether it got as far as making both sides. */
static bool run_with(long failure, struct run *run) {
    const struct grpc_server_limits server_limits = {10, 1 << 20, 1 << 20};
    const struct grpc_client_limits client_limits = {1 << 20, 1 << 20};
    struct grpc_client *client;
    struct grpc_server *server;
    bool made;

    *run = (struct run){0};
    until_failure = failure;
    server = grpc_server_new(&server_limits, &server_events, run);
    client = grpc_client_new(&client_limits, SLICE("a"), &client_events, run);
    made = client != NULL && server != NULL;
    if (made) {
        call_all(client, run);
        converse(client, server);
    }
    until_failure = -1;
    grpc_client_free(client);
    grpc_server_free(server);
    assert_int_equal(run->opened, run->closed);
    assert_int_equal(run->began, run->ended);
    return made;
}

/* From each point on there is no memory at all. */
static void every_allocation_may_fail(void **state) {
    struct run run;
    long failure = 1;

    (void)state;
    while (!run_with(failure, &run)) {
        failure++;
    }
    assert_true(failure > 10);
    do {
        assert_true(run_with(failure++, &run));
        assert_true(failure < 10000);
    } while (run.opened < 4);
    for (int i = 0; i < 200; i++) {
        (void)run_with(failure++, &run);
    }
    (void)run_with(-1, &run);
    assert_int_equal(run.opened, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
