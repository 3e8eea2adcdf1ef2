/* SPDX-License-Identifier: Apache-2.0 */
/* An election followed in a loop of libuv: `observe ENDPOINTS`; and what there is while nobody answers: `observe ENDPOINTS away`. */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "library_etcd.h"

enum { ROUNDS = 50, AWAY_MS = 300 };

static struct {
    uv_poll_t queue_poll, observer_poll;
    struct larder_etcd_queue *queue;
    struct larder_etcd_observer *observer;
    struct larder_etcd_result result;
    char value[16];
    int said; /* of the leader's values; each round has two and one that there is no leader */
} loop;

/* What is put under the name leads, for the time it is there. */
static void ask(const struct larder_etcd_op *op) {
    struct larder_etcd_result *result = &loop.result;

    EXPECT_WITH(larder_etcd_queue_run(loop.queue, op, NULL, NULL, result->message) == LARDER_DONE, result->message);
}

static void lead(void) {
    snprintf(loop.value, sizeof(loop.value), "%d", loop.said);
    ask(&(struct larder_etcd_op){
        .kind = LARDER_ETCD_PUT,
        .put = {.key = "observe/1", .key_size = 9, .value = loop.value, .value_size = strlen(loop.value)}});
}

static void leave(void) {
    ask(&(struct larder_etcd_op){.kind = LARDER_ETCD_DELETE, .remove = {.span = {.key = "observe/1", .key_size = 9}}});
}

static void stop(void) {
    if (!uv_is_closing((uv_handle_t *)&loop.observer_poll)) {
        uv_close((uv_handle_t *)&loop.queue_poll, NULL);
        uv_close((uv_handle_t *)&loop.observer_poll, NULL);
    }
}

/* Nobody leads, then somebody, who says another thing, and goes. */
static void on_news(enum larder_status status) {
    const struct larder_etcd_answer *answer = &loop.result.answer;

    if (loop.said % 3 == 0) {
        EXPECT_WITH(status == LARDER_MISS, loop.result.message);
    } else {
        EXPECT_WITH(status == LARDER_HIT && answer->kv_count == 1 && strcmp(answer->kvs[0].value, loop.value) == 0,
                    loop.result.message);
    }
    if (++loop.said > 3 * ROUNDS) {
        stop();
    } else if (loop.said % 3 == 0) {
        leave();
    } else {
        lead();
    }
}

static void on_observer(uv_poll_t *poll, int error, int events) {
    enum larder_status status;

    (void)poll;
    (void)events;
    EXPECT_WITH(error == 0, "poll");
    while ((status = larder_etcd_observe_next(loop.observer, 0, &loop.result)) != LARDER_NOTHING && !failed) {
        on_news(status);
    }
    if (failed) {
        stop();
    }
}

static void on_queue(uv_poll_t *poll, int error, int events) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    enum larder_status status;

    (void)poll;
    (void)events;
    EXPECT(error == 0);
    while ((status = larder_etcd_queue_next(loop.queue, &result, NULL)) != LARDER_NOTHING) {
        EXPECT(status == LARDER_STORED || status == LARDER_DELETED);
    }
    larder_etcd_result_free(&result);
}

static void follow(struct larder_etcd *client) {
    struct larder_etcd_result *result = &loop.result;
    uv_loop_t uv;

    EXPECT_WITH(larder_etcd_observe(client, "observe", 7, &loop.observer, result->message) == LARDER_DONE,
                result->message);
    EXPECT_WITH(larder_etcd_queue_new(client, &loop.queue, result->message) == LARDER_DONE, result->message);
    if (failed || uv_loop_init(&uv) != 0) {
        exit(2);
    }
    EXPECT_WITH(uv_poll_init(&uv, &loop.observer_poll, larder_etcd_observe_fd(loop.observer)) == 0 &&
                    uv_poll_start(&loop.observer_poll, UV_READABLE, on_observer) == 0 &&
                    uv_poll_init(&uv, &loop.queue_poll, larder_etcd_queue_fd(loop.queue)) == 0 &&
                    uv_poll_start(&loop.queue_poll, UV_READABLE, on_queue) == 0,
                "poll");
    uv_run(&uv, UV_RUN_DEFAULT);
    EXPECT_WITH(uv_loop_close(&uv) == 0, "the loop is empty");
    EXPECT_WITH(loop.said == 3 * ROUNDS + 1, "all is told");
    larder_etcd_queue_free(loop.queue);
    /* What there is now can still be waited for. */
    EXPECT_WITH(larder_etcd_observe_next(loop.observer, 1, result) == LARDER_NOTHING, result->message);
    larder_etcd_observe_free(loop.observer);
    larder_etcd_result_free(result);
}

/* Nobody hears an answer there; it may be freed, and the parent has what is its own. */
static void in_a_child(struct larder_etcd_observer *observer) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        EXPECT(larder_etcd_observe_next(observer, 0, &result) == LARDER_ERR_FORKED);
        larder_etcd_observe_free(observer);
        _exit(failed);
    }
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* Nobody answers, so that who waits has an error and who does not has nothing; then the descriptor says that there is one. */
static void wait_in_vain(const char *endpoints) {
    struct larder_etcd_options options = {.size = sizeof(options), .timeout_ms = AWAY_MS};
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_observer *observer;
    struct larder_etcd *client;
    struct pollfd fd = {.events = POLLIN};

    EXPECT(larder_etcd_new(endpoints, &options, &client, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_observe(client, "observe", 7, &observer, result.message) == LARDER_DONE);
    fd.fd = larder_etcd_observe_fd(observer);
    EXPECT(poll(&fd, 1, 0) == 1);
    EXPECT(larder_etcd_observe_next(observer, 0, &result) == LARDER_NOTHING);
    EXPECT(poll(&fd, 1, -1) == 1);
    EXPECT(larder_etcd_observe_next(observer, 0, &result) == LARDER_ERR_UNAVAILABLE);
    EXPECT(poll(&fd, 1, 0) == 0);
    EXPECT(larder_etcd_observe_next(observer, 1, &result) == LARDER_ERR_UNAVAILABLE);
    EXPECT(larder_etcd_observe_next(observer, 0, &result) == LARDER_NOTHING);
    EXPECT(larder_etcd_observe_next(observer, 1, &result) == LARDER_ERR_UNAVAILABLE);
    EXPECT(larder_etcd_observe_next(observer, 0, &result) == LARDER_NOTHING);
    in_a_child(observer);
    larder_etcd_observe_free(observer); /* while it is asked */
    larder_etcd_result_free(&result);
    larder_etcd_free(client);
}

int main(int argc, char **argv) {
    const char *endpoints = argc > 1 ? argv[1] : "127.0.0.1:2379";

    if (argc > 2) {
        wait_in_vain(endpoints);
    } else {
        struct larder_etcd *client = open_client(endpoints);

        follow(client);
        larder_etcd_free(client);
    }
    return failed;
}
