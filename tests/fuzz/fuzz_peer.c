/* SPDX-License-Identifier: Apache-2.0 */
/* A server that says anything: the first byte chooses what it was asked, and whether it is a node that was asked by another one,
 * the rest is its answer. However the answer is
 * cut into pieces, it means the same, and every request ends exactly once. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "peer/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 4, VALUE_MAX = 4096, TO_PEER = 0x80, OUT_OF_TURN = 0x40 /* of a node: gets may be answered so */ };

struct outcome {
    enum larder_error error;
    unsigned ended;
    uint64_t digest; /* of all that the answers said */
};

static void mix(struct outcome *o, struct slice s) {
    for (size_t i = 0; i < s.size; i++) {
        o->digest = o->digest * 31 + (unsigned char)s.data[i];
    }
    o->digest = o->digest * 31 + s.size;
}

static void on_done(void *ctx, enum larder_error error, const struct answer *answer) {
    struct outcome *o = ctx;

    assert((error == LARDER_OK) == (answer != NULL));
    o->ended += answer == NULL || !answer->more;
    if (answer != NULL) {
        assert(answer->reply.result < RESULT_COUNT);
        assert(answer->reply.copy_ns == 0 || answer->reply.item.value.data != NULL);
        o->digest = o->digest * 31 + answer->reply.result;
        o->digest = o->digest * 31 + (uint64_t)answer->reply.copy_ns;
        if (answer->reply.item.value.data != NULL) {
            mix(o, answer->reply.item.value);
        }
        mix(o, answer->name);
        mix(o, answer->text);
    }
}

static void ask(struct pipeline *p, unsigned choice, struct outcome *o) {
    static const enum command commands[] = {COMMAND_GET,   COMMAND_SET,   COMMAND_INCR,    COMMAND_DELETE,
                                            COMMAND_TOUCH, COMMAND_STATS, COMMAND_VERSION, COMMAND_FLUSH};
    static const enum command of_nodes[] = {COMMAND_GET, COMMAND_SET,   COMMAND_INCR,       COMMAND_DELETE,
                                            COMMAND_GAT, COMMAND_TOUCH, COMMAND_INVALIDATE, COMMAND_DEBUG};
    static const struct peer_stamp stamp = {.revision = 1};
    bool to_peer = (choice & TO_PEER) != 0;
    enum larder_error error;

    for (unsigned i = 0; i < REQUESTS; i++) {
        struct request request = {.command = (to_peer ? of_nodes : commands)[(choice + i) % 8],
                                  .deadline_ns = INT64_MAX,
                                  .peer = to_peer ? &stamp : NULL};

        if (to_peer && (choice & OUT_OF_TURN) != 0 && request.command == COMMAND_GET) {
            request.options = REQUEST_OUT_OF_TURN;
        }
        request.key =
            request.command == COMMAND_STATS || request.command == COMMAND_FLUSH ? slice_make(NULL, 0) : SLICE("k");
        error = pipeline_submit(p, &request, &(struct pipeline_now){.unix_s = 0}, on_done, o);
        assert(error == LARDER_OK);
    }
}

static enum larder_error feed(struct pipeline *p, const uint8_t *data, size_t size, size_t piece) {
    enum larder_error error = LARDER_OK;

    while (size > 0 && error == LARDER_OK) {
        size_t room;
        char *to;

        error = pipeline_input(p, &to, &room);
        assert(error == LARDER_OK);
        room = room < piece ? room : piece;
        room = room < size ? room : size;
        memcpy(to, data, room);
        error = pipeline_received(p, room);
        data += room;
        size -= room;
    }
    return error;
}

static struct outcome play(unsigned choice, const uint8_t *data, size_t size, size_t piece) {
    const struct pipeline_limits limits = {.pending = REQUESTS, .output = 4096, .value = VALUE_MAX};
    struct outcome o = {.ended = 0};
    struct pipeline p;

    if (pipeline_init(&p, &limits) != LARDER_OK) {
        return o;
    }
    ask(&p, choice, &o);
    o.error = feed(&p, data, size, piece);
    pipeline_fail(&p, LARDER_ERROR_CLOSED, LARDER_ERROR_CLOSED);
    assert(o.ended == REQUESTS);
    pipeline_fini(&p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome whole;
    struct outcome split;

    if (size == 0) {
        return 0;
    }
    whole = play(data[0], data + 1, size - 1, SIZE_MAX);
    split = play(data[0], data + 1, size - 1, 1);
    assert(whole.error == split.error && whole.digest == split.digest);
    return 0;
}
