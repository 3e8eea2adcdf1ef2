/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the client of etcd and of the near cache that a tracer is told of: `traced ENDPOINTS`. */
#include <larder/near.h>
#include <larder/trace.h>
#include <poll.h>

#include "library_etcd.h"

/* Each call below a span of the program's own. */
static void calls(struct larder_etcd *client, struct larder_tracer *tracer) {
    struct larder_span *span = larder_span_begin(tracer, "program", LARDER_SPAN_INTERNAL, NULL);
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_lease *lease;
    struct larder_etcd *view;

    EXPECT(larder_etcd_within(client, span, &view) == LARDER_DONE);
    EXPECT(larder_etcd_put(view, "traced/a", 8, "1", 1, 0, NULL) == LARDER_STORED);
    EXPECT(larder_etcd_get(view, "traced/a", 8, &result) == LARDER_HIT);
    EXPECT(larder_etcd_get(view, "traced/b", 8, &result) == LARDER_MISS);
    EXPECT(larder_etcd_put(view, "traced/c", 8, "1", 1, 4711, NULL) == LARDER_ERR_NO_LEASE);
    EXPECT(larder_etcd_delete(view, "traced/a", 8, NULL) == LARDER_DELETED);
    EXPECT(larder_etcd_lease_grant(view, 60, 0, &result) == LARDER_DONE);
    EXPECT(larder_etcd_lease_keep(view, 60, 0, NULL, NULL, &lease, NULL) == LARDER_DONE);
    larder_etcd_free(view); /* what was made with it stays */
    EXPECT(larder_etcd_lease_status(lease) == LARDER_DONE);
    EXPECT(larder_etcd_lease_end(lease, NULL) == LARDER_DONE);
    larder_etcd_result_free(&result);
    larder_span_end(span);
}

/* Operations that nobody waits for: below the span of the view that the queue was made with, and below one of their own. */
static void queued(struct larder_etcd *client, struct larder_tracer *tracer) {
    static const struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT, .put = {.key = "traced/q", .key_size = 8}},
                                       orphan = {.kind = LARDER_ETCD_PUT,
                                                 .put = {.key = "traced/q", .key_size = 8, .lease = 4711}},
                                       get = {.kind = LARDER_ETCD_RANGE,
                                              .range = {.span = {.key = "traced/q", .key_size = 8}}};
    struct larder_span *loop = larder_span_begin(tracer, "loop", LARDER_SPAN_INTERNAL, NULL),
                       *request = larder_span_begin(tracer, "request", LARDER_SPAN_INTERNAL, loop);
    struct larder_etcd_how how = {.parent = request};
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_queue *queue;
    struct larder_etcd *view;
    struct pollfd fd = {.events = POLLIN};

    EXPECT(larder_etcd_within(client, loop, &view) == LARDER_DONE);
    EXPECT(larder_etcd_queue_new(view, &queue, result.message) == LARDER_DONE);
    larder_etcd_free(view);
    EXPECT(larder_etcd_queue_run(queue, &put, NULL, NULL, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_queue_run(queue, &orphan, NULL, NULL, result.message) == LARDER_DONE);
    fd.fd = larder_etcd_queue_fd(queue);
    while (larder_etcd_queue_size(queue) > 0 && poll(&fd, 1, -1) == 1) {
        (void)larder_etcd_queue_next(queue, &result, NULL);
    }
    EXPECT(larder_etcd_queue_run(queue, &get, &how, NULL, result.message) == LARDER_DONE);
    larder_span_end(request);
    larder_etcd_queue_free(queue);
    larder_etcd_result_free(&result);
    larder_span_end(loop);
}

static void reads(struct larder_near *near, struct larder_tracer *tracer) {
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    struct larder_span *span;
    struct larder_near *view;

    EXPECT(larder_etcd_put(larder_near_etcd(near), "traced/n", 8, "1", 1, 0, NULL) == LARDER_STORED);
    do {
        EXPECT(larder_near_get(near, "traced/n", 8, LARDER_NEAR_CACHED, 0, &result) == LARDER_HIT);
    } while (!failed && !result.from_memory);
    span = larder_span_begin(tracer, "reader", LARDER_SPAN_INTERNAL, NULL);
    EXPECT(larder_near_within(near, span, &view) == LARDER_DONE);
    EXPECT(larder_near_get(view, "traced/n", 8, LARDER_NEAR_CACHED, 0, &result) == LARDER_HIT);
    EXPECT(larder_near_get(view, "traced/o", 8, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_MISS);
    larder_near_free(view);
    larder_near_value_free(&result);
    larder_span_end(span);
}

int main(int argc, char **argv) {
    struct larder_etcd_options options = {.size = sizeof(options), .log = on_log};
    struct larder_etcd *client = NULL;
    struct larder_near *near = NULL;

    if (argc != 2 || larder_tracer_new(NULL, &options.tracer) != LARDER_DONE ||
        larder_etcd_new(argv[1], &options, &client, NULL) != LARDER_DONE ||
        larder_near_new(argv[1], &options, NULL, &near, NULL) != LARDER_DONE) {
        return 2;
    }
    calls(client, options.tracer);
    queued(client, options.tracer);
    reads(near, options.tracer);
    larder_near_free(near);
    larder_etcd_free(client);
    larder_tracer_free(options.tracer);
    return failed;
}
