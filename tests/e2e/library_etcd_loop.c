/* SPDX-License-Identifier: Apache-2.0 */
/* The client of etcd in a loop of libuv, and a near cache in one: operations each of which follows from the answer to the one before,
 * then a crowd of them, and a watch that tells of all. */
#include <larder/near.h>
#include <uv.h>

#include "library_etcd.h"

enum { CHAIN = 100, CROWD = 2000 };

static struct {
    uv_poll_t poll;
    struct larder_etcd_queue *queue;
    struct larder_etcd_result result;
    char keys[CROWD][16];
    char answered[CROWD];
    char number[16];
    int chain; /* numbers that were put and read */
    int crowd; /* answers */
} asking;

static struct {
    uv_poll_t poll;
    struct larder_etcd_watch *watch;
    struct larder_etcd_events events;
    int seen;
} watching;

/* The loop ends when nothing is polled any more. */
static void end_when_all_is_told(void) {
    bool all = asking.crowd == CROWD && watching.seen == CHAIN + CROWD;

    if ((failed || all) && !uv_is_closing((uv_handle_t *)&asking.poll)) {
        uv_close((uv_handle_t *)&asking.poll, NULL);
        uv_close((uv_handle_t *)&watching.poll, NULL);
    }
}

/* --- operations --- */

static void ask(const struct larder_etcd_op *op, void *tag) {
    struct larder_etcd_result *result = &asking.result;

    EXPECT_WITH(larder_etcd_queue_run(asking.queue, op, NULL, tag, result->message) == LARDER_DONE, result->message);
}

static void put(const char *key, const char *value, void *tag) {
    ask(
        &(struct larder_etcd_op){
            .kind = LARDER_ETCD_PUT,
            .put = {.key = key, .key_size = strlen(key), .value = value, .value_size = strlen(value)}},
        tag);
}

static void put_crowd(void) {
    for (int i = 0; i < CROWD; i++) {
        snprintf(asking.keys[i], sizeof(asking.keys[i]), "loop/%d", i);
        put(asking.keys[i], asking.keys[i], &asking.answered[i]);
    }
}

static void put_number(void) {
    snprintf(asking.number, sizeof(asking.number), "%d", asking.chain);
    put("loop/chain", asking.number, NULL);
}

/* A number is put and read, then the next one is, in the end the crowd. */
static void on_chain(enum larder_status status) {
    static const struct larder_etcd_op get = {.kind = LARDER_ETCD_RANGE,
                                              .range = {.span = {.key = "loop/chain", .key_size = 10}}};
    const struct larder_etcd_answer *answer = &asking.result.answer;

    if (status == LARDER_STORED) {
        ask(&get, NULL);
        return;
    }
    EXPECT_WITH(status == LARDER_DONE && answer->kv_count == 1 && strcmp(answer->kvs[0].value, asking.number) == 0,
                asking.result.message);
    asking.chain++;
    asking.chain < CHAIN ? put_number() : put_crowd();
}

/* One at a time: it can be read as long as there are more. */
static void on_answer(uv_poll_t *poll, int error, int events) {
    char *answered = NULL;
    enum larder_status status = larder_etcd_queue_next(asking.queue, &asking.result, (void **)&answered);

    (void)poll;
    (void)events;
    EXPECT_WITH(error == 0 && status != LARDER_NOTHING, "it can be read for nothing");
    if (answered == NULL) {
        on_chain(status);
    } else {
        EXPECT_WITH(status == LARDER_STORED && *answered == 0, asking.result.message);
        *answered = 1;
        asking.crowd++;
    }
    end_when_all_is_told();
}

/* --- a watch --- */

static void on_events(uv_poll_t *poll, int error, int events) {
    enum larder_status status;

    (void)poll;
    (void)events;
    EXPECT_WITH(error == 0, "poll");
    while ((status = larder_etcd_watch_next(watching.watch, 0, &watching.events)) == LARDER_DONE) {
        watching.seen += (int)watching.events.count;
    }
    EXPECT_WITH(status == LARDER_NOTHING, watching.events.message);
    end_when_all_is_told();
}

/* --- both in a loop --- */

static void poll_fd(uv_loop_t *loop, uv_poll_t *poll, int fd, uv_poll_cb on_readable) {
    EXPECT_WITH(uv_poll_init(loop, poll, fd) == 0 && uv_poll_start(poll, UV_READABLE, on_readable) == 0, "poll");
}

static void run_all(struct larder_etcd *client) {
    static const struct larder_etcd_span span = {.key = "loop/", .key_size = 5, .which = LARDER_ETCD_PREFIX};
    char why[LARDER_MESSAGE_MAX] = "";
    uv_loop_t loop;

    memset(&asking, 0, sizeof(asking));
    memset(&watching, 0, sizeof(watching));
    EXPECT_WITH(larder_etcd_queue_new(client, &asking.queue, why) == LARDER_DONE, why);
    EXPECT_WITH(larder_etcd_watch_new(client, &span, NULL, &watching.watch, why) == LARDER_DONE, why);
    if (failed || uv_loop_init(&loop) != 0) {
        exit(2);
    }
    poll_fd(&loop, &asking.poll, larder_etcd_queue_fd(asking.queue), on_answer);
    poll_fd(&loop, &watching.poll, larder_etcd_watch_fd(watching.watch), on_events);
    put_number();
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_WITH(uv_loop_close(&loop) == 0, "the loop is empty");
    EXPECT_WITH(larder_etcd_queue_size(asking.queue) == 0, "nothing is under way");
    larder_etcd_watch_free(watching.watch);
    larder_etcd_events_free(&watching.events);
    larder_etcd_queue_free(asking.queue);
    larder_etcd_result_free(&asking.result);
}

int main(int argc, char **argv) {
    const char *endpoints = argc > 1 ? argv[1] : "127.0.0.1:2379";
    struct larder_etcd *client = open_client(endpoints);
    struct larder_near *near = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    run_all(client);
    larder_etcd_free(client);
    EXPECT_WITH(larder_near_new(endpoints, NULL, NULL, &near, why) == LARDER_DONE, why);
    if (!failed) {
        run_all(larder_near_etcd(near));
    }
    larder_near_free(near);
    return failed;
}
