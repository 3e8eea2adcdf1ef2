/* SPDX-License-Identifier: Apache-2.0 */
/* A whole session over a small table. The first four bytes say how the rest is cut up and how the replies are taken, and whether
 * a client says it or another node that has greeted; the same bytes said in one piece must be answered the same. A byte 0xff stands for a long
 * line, so that large values fit. */
#include <assert.h>

#include "../unit/session/peer_client.h"
#include "base/random.h"

enum { HEAD = 4, GREETED = 2, MANY = 400, SAID_MAX = 32 << 10, PIECES_MAX = 200, TRIES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct harness_config config = {
    .memory = TABLE_MEMORY_MIN, .max_item = 64 << 10, .max_line = 8 << 10, .max_output = 4 << 10};

static struct buf expand(const uint8_t *data, size_t size) {
    struct buf b;

    buf_init(&b, SAID_MAX);
    for (size_t i = 0; i < size; i++) {
        char bytes[MANY];
        size_t count = data[i] == 0xff ? MANY : 1;

        memset(bytes, data[i] == 0xff ? 'x' : data[i], count);
        if (count == MANY) {
            bytes[MANY - 1] = '\n';
        }
        if (buf_append(&b, bytes, count) != LARDER_OK) {
            break;
        }
    }
    return b;
}

static void check_budget(struct harness *h) {
    struct table_stats stats;

    table_get_stats(&h->table, &stats);
    assert(stats.memory_used <= stats.memory_limit);
    assert(stats.memory_limit <= config.memory);
}

/* What is heard when `said` comes in pieces of up to `step_max` bytes (0: in one) and leaves `take` bytes at a time. */
static struct buf listen(struct slice said, size_t step_max, uint8_t seed, size_t take, bool greeted) {
    struct harness h;
    struct client c;
    struct random r;
    struct buf heard;
    size_t step_min = said.size / PIECES_MAX;

    random_init(&r, seed);
    harness_init(&h, &config);
    client_init(&c, &h);
    if (greeted) {
        peer_client_greet(&h, &c);
    }
    c.take = take;
    for (size_t at = 0; at < said.size && !c.session.over;) {
        size_t step = step_max > 0 ? step_min + random_below(&r, step_max) + 1 : said.size;

        step = step < said.size - at ? step : said.size - at;
        client_say(&c, said.data + at, step);
        at += step;
        if (step_max > 0 && random_below(&r, 8) == 0) {
            table_sweep(&h.table, HARNESS_NOW);
            check_budget(&h);
        }
    }
    heard = c.heard;
    buf_init(&c.heard, 1);
    client_fini(&c);
    check_budget(&h);
    harness_fini(&h);
    return heard;
}

/* Answers that tell the time of day or of the processor are never twice the same, and "100 Continue" depends on what has
 * come already. */
static bool is_repeatable(struct slice said) {
    return memmem(said.data, said.size, "-continue", 9) == NULL &&
           memmem(said.data, said.size, "-CONTINUE", 9) == NULL && memmem(said.data, said.size, "stats", 5) == NULL &&
           memmem(said.data, said.size, "/metrics", 8) == NULL;
}

static bool same(struct slice said, size_t step_max, uint8_t seed, size_t take, bool greeted) {
    struct buf whole = listen(said, 0, 0, 0, greeted);
    struct buf split = listen(said, step_max, seed, take, greeted);
    bool equal = slice_equal(buf_slice(&whole), buf_slice(&split));

    buf_fini(&whole);
    buf_fini(&split);
    return equal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf said;
    bool equal = false;

    if (size < HEAD) {
        return 0;
    }
    said = expand(data + HEAD, size - HEAD);
    /* A time of day in the input may fall on the edge of a second: then they differ once, not always. */
    for (int i = 0; i < TRIES && !equal; i++) {
        equal = same(buf_slice(&said), (size_t)data[0] * (data[3] % 2 == 0 ? 1 : 64) + 1, data[1], data[2],
                     (data[3] & GREETED) != 0);
        equal = equal || !is_repeatable(buf_slice(&said));
    }
    assert(equal);
    buf_fini(&said);
    return 0;
}
