/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that nobody waits for, in a loop around poll. */
#include <poll.h>

#include "library_etcd.h"

enum { COUNT = 2000, WAIT_MS = 20000 };

static char keys[COUNT][16];

static struct larder_etcd_op put_op(int i) {
    snprintf(keys[i], sizeof(keys[i]), "q/%06d", i);
    return (struct larder_etcd_op){.kind = LARDER_ETCD_PUT,
                                   .put = {.key = keys[i], .key_size = 8, .value = keys[i], .value_size = 8}};
}

/* All that is under way; says how many answers came with the status that they have to have. */
static int take_all(struct larder_etcd_queue *queue, enum larder_status wanted) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct pollfd fd = {.fd = larder_etcd_queue_fd(queue), .events = POLLIN};
    int good = 0;

    while (!failed && larder_etcd_queue_size(queue) > 0) {
        enum larder_status status;
        void *tag = NULL;

        EXPECT(poll(&fd, 1, WAIT_MS) == 1);
        while ((status = larder_etcd_queue_next(queue, &result, &tag)) != LARDER_NOTHING) {
            EXPECT(status == wanted && *(char *)tag == 0);
            *(char *)tag = 1;
            good += status == wanted;
        }
    }
    EXPECT(poll(&fd, 1, 0) == 0);
    larder_etcd_result_free(&result);
    return good;
}

static void many(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_queue *queue = NULL;
    struct larder_etcd_op op;
    static char tags[COUNT];
    void *tag = NULL;

    EXPECT(larder_etcd_queue_new(client, &queue, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_queue_next(queue, &result, &tag) == LARDER_NOTHING && tag == NULL);
    for (int i = 0; i < COUNT; i++) {
        op = put_op(i);
        EXPECT(larder_etcd_queue_run(queue, &op, NULL, &tags[i], result.message) == LARDER_DONE);
    }
    EXPECT(larder_etcd_queue_size(queue) == COUNT);
    EXPECT(take_all(queue, LARDER_STORED) == COUNT);
    EXPECT(larder_etcd_list(client, "q/", 2, 0, &result) == LARDER_DONE && result.answer.count == COUNT);

    op.put.key_size = 0;
    EXPECT(larder_etcd_queue_run(queue, &op, NULL, NULL, result.message) == LARDER_ERR_KEY);
    EXPECT(larder_etcd_queue_size(queue) == 0);
    op = put_op(0);
    op.put.lease = 12345;
    tags[0] = 0;
    EXPECT(larder_etcd_queue_run(queue, &op, NULL, &tags[0], result.message) == LARDER_DONE);
    EXPECT(take_all(queue, LARDER_ERR_NO_LEASE) == 1);
    /* What is under way when the queue goes is done all the same. */
    op = put_op(0);
    op.put.value = "last";
    op.put.value_size = 4;
    EXPECT(larder_etcd_queue_run(queue, &op, NULL, NULL, result.message) == LARDER_DONE);
    larder_etcd_queue_free(queue);
    larder_etcd_queue_free(NULL);
    EXPECT(larder_etcd_get(client, keys[0], 8, &result) == LARDER_HIT &&
           strcmp(result.answer.kvs[0].value, "last") == 0);
    larder_etcd_result_free(&result);
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argc > 1 ? argv[1] : "127.0.0.1:2379");

    many(client);
    larder_etcd_free(client);
    return failed;
}
