/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "group/memory.h"
#include "proto/memcached/answer.h"
#include "proto/memcached/command.h"
#include "proto/memcached/peer_encode.h"
#include "proto/memcached/peer_words.h"

/* Two memory groups of the same beginning are asked the same, one directly, the other as another node asks it: the request
 * encoded and decoded, the reply encoded and read. Each reply must be the same in every field, and so, since later replies tell of what earlier
 * requests did, must be what became of the table. */

enum { ROUNDS = 60000, KEYS = 5, LARGE = 20000, TOO_LARGE = 70000 };

static const struct table_config config = {.memory = TABLE_MEMORY_MIN, .max_item = 64 << 10, .seed = 7};

/* A table and what is needed to act on it. */
struct place {
    struct table table;
    struct memory_access access;
    bool expired;
    bool cut;
};

static struct group_policy policy;
static struct place here;
static struct place there;
static struct buf said;
static struct outbox answered;
static struct buf heard;
static struct random dice;
static char large[TOO_LARGE];
static uint64_t last_cas;

static void place_init(struct place *p) {
    assert_int_equal(table_init(&p->table, &config), LARDER_OK);
    p->access = (struct memory_access){
        .table = &p->table, .policy = &policy, .now = 100, .ret_expired = &p->expired, .ret_cut = &p->cut};
}

static int set_up(void **state) {
    (void)state;
    policy = group_policy_make(SLICE("default"), config.max_item);
    place_init(&here);
    place_init(&there);
    buf_init(&said, 1 << 20);
    outbox_init(&answered, 1 << 20);
    buf_init(&heard, 1 << 20);
    memset(large, 'x', sizeof(large));
    last_cas = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    buf_fini(&said);
    outbox_fini(&answered);
    buf_fini(&heard);
    table_fini(&there.table);
    table_fini(&here.table);
    return 0;
}

static bool one_in(unsigned n) {
    return random_below(&dice, n) == 0;
}

/* --- requests --- */

static struct slice draw_key(void) {
    static const struct slice keys[KEYS] = {{"a", 1}, {"some/key", 8}, {"b c", 3}, {"\r\n", 2}, {"\xc3\xa9", 2}};

    return keys[random_below(&dice, KEYS)];
}

static struct slice draw_value(void) {
    static const struct slice values[] = {
        {"", 0}, {"1", 1}, {"18446744073709551615", 20}, {"99 ", 3}, {"abc", 3}, {"0", 1}, {"7", 1}, {"\r\nEN\r\n", 6}};

    if (one_in(20)) {
        return slice_make(large, LARGE);
    }
    if (one_in(50)) {
        return slice_make(large, TOO_LARGE);
    }
    return values[random_below(&dice, sizeof(values) / sizeof(values[0]))];
}

static int64_t draw_ttl(void) {
    static const int64_t ttls[] = {0,       0,        1,          2,  10, 50,        2592000,
                                   2592001, 31536000, 1700000000, -1, -5, INT64_MAX, INT64_MIN};

    return ttls[random_below(&dice, sizeof(ttls) / sizeof(ttls[0]))];
}

/* Of a cas: the one that was last seen, its neighbours, none. */
static uint64_t draw_cas(void) {
    switch (random_below(&dice, 5)) {
    case 0:
        return 0;
    case 1:
        return last_cas > 0 ? last_cas - 1 : 1;
    case 2:
        return last_cas + 1;
    default:
        return last_cas;
    }
}

static struct condition draw_condition(void) {
    struct condition c = {.kind = (enum condition_kind)random_below(&dice, 3)};

    if (c.kind == CONDITION_LIST) {
        c.count = (unsigned)random_below(&dice, CONDITION_NUMBERS_MAX + 1);
        for (unsigned i = 0; i < c.count; i++) {
            c.numbers[i] = draw_cas() + 1;
        }
    }
    return c;
}

/* Every option there is, but for those of stores. */
enum { OPTIONS = 17 };

static uint32_t draw_options(void) {
    unsigned rarity = 2 + (unsigned)random_below(&dice, 6);
    uint32_t options = 0;

    for (unsigned i = 0; i < OPTIONS; i++) {
        options |= one_in(rarity) ? UINT32_C(1) << i : 0;
    }
    return one_in(4) ? 0 : options & ~PEER_OPTIONS_OF_STORES;
}

/* Of every command and every option; what a command does not look at is there as well. */
static struct request draw_request(struct conditions *conditions, const struct peer_stamp *stamp) {
    const struct peer_command *asked = &peer_commands[random_below(&dice, peer_command_count)];
    struct request request = {
        .command = asked->command,
        .options = draw_options(),
        .key = draw_key(),
        .client_flags = one_in(2) ? 0 : (uint32_t)random_next(&dice),
        .ttl = draw_ttl(),
        .vivify_ttl = draw_ttl(),
        .recache_ttl = draw_ttl(),
        .compare = draw_cas(),
        .cas = draw_cas(),
        .delta = one_in(3) ? UINT64_MAX : random_below(&dice, 3),
        .initial = one_in(3) ? random_next(&dice) : 5,
        .peer = stamp,
    };

    if (asked->verb == 's') {
        request.value = draw_value();
        request.body_size = (uint32_t)request.value.size;
    }
    *conditions = (struct conditions){.match = draw_condition(), .none_match = draw_condition()};
    request.conditions = one_in(4) ? conditions : NULL;
    return request;
}

/* --- both ways --- */

static void run(struct place *p, const struct request *request, struct reply *ret_reply) {
    *ret_reply = (struct reply){.result = RESULT_UNSUPPORTED};
    switch (request->command) {
    case COMMAND_GET:
    case COMMAND_GAT:
        memory_get(&p->access, request, ret_reply);
        break;
    case COMMAND_DEBUG:
        memory_inspect(&p->access, request, ret_reply);
        break;
    case COMMAND_TOUCH:
        memory_touch(&p->access, request, ret_reply);
        break;
    case COMMAND_DELETE:
    case COMMAND_INVALIDATE:
        memory_delete(&p->access, request, ret_reply);
        break;
    case COMMAND_INCR:
    case COMMAND_DECR:
        memory_arith(&p->access, request, ret_reply);
        break;
    default:
        memory_store(&p->access, request, ret_reply);
        break;
    }
}

/* As the session does it. */
static void serve(void) {
    const char *newline = memchr(said.data, '\n', said.size);
    struct mc_command command;
    struct reply reply;

    mc_decode_greeted(slice_make(said.data, (size_t)(newline - said.data) - 1), 0, &command);
    assert_int_equal(command.form, MC_FORM_PEER);
    if (command.has_body) {
        command.request.value = slice_make(newline + 1, command.request.body_size);
    }
    run(&there, &command.request, &reply);
    outbox_clear(&answered, 1 << 20);
    assert_int_equal(mc_encode(&answered, &command, &reply, SIZE_MAX), LARDER_OK);
    reply_release(&reply);
}

/* The answer lies in `heard` until the next is asked. */
static struct answer ask_there(const struct request *request, uint64_t opaque) {
    struct mc_response response;
    struct iovec pieces[2];
    struct answer answer;
    size_t size;

    said.size = 0;
    assert_int_equal(peer_request_encode(&said, request, opaque, 0), LARDER_OK);
    serve();
    assert_int_equal(outbox_pieces(&answered, pieces, 2), 1);
    heard.size = 0;
    assert_int_equal(buf_append(&heard, pieces[0].iov_base, pieces[0].iov_len), LARDER_OK);
    assert_int_equal(mc_response_decode(buf_slice(&heard), 1 << 20, &response, &size), LARDER_OK);
    assert_int_equal(size, heard.size);
    assert_int_equal(answer_read_peer(request->command, opaque, &response, &answer), LARDER_OK);
    return answer;
}

static void assert_same_value(const struct item *a, const struct item *b) {
    assert_int_equal(a->value.size, b->value.size);
    if (b->value.data != NULL && !b->unchanged && b->value.size > 0) {
        assert_memory_equal(a->value.data, b->value.data, b->value.size);
    }
}

static void assert_same(const struct reply *a, const struct reply *b) {
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->number, b->number);
    if (result_class(b->result) == RESULT_CLASS_REFUSED || result_class(b->result) == RESULT_CLASS_ERROR) {
        return;
    }
    assert_same_value(&a->item, &b->item);
    assert_int_equal(a->item.client_flags, b->item.client_flags);
    assert_int_equal(a->item.last_access, b->item.last_access);
    assert_int_equal(a->item.cas, b->item.cas);
    assert_int_equal(a->item.ttl, b->item.ttl);
    assert_int_equal(a->item.ttl_before, b->item.ttl_before);
    assert_int_equal(a->item.footprint, b->item.footprint);
    assert_int_equal(a->item.queue, b->item.queue);
    assert_int_equal(a->item.binary_key, b->item.binary_key);
    assert_int_equal(a->item.unchanged, b->item.unchanged);
    assert_int_equal(a->item.fetched, b->item.fetched);
    assert_int_equal(a->item.stale, b->item.stale);
    assert_int_equal(a->item.won, b->item.won);
    assert_int_equal(a->item.win_sent, b->item.win_sent);
    assert_int_equal(a->item.created, b->item.created);
}

static void let_time_pass(void) {
    if (one_in(3)) {
        here.access.now += (uint32_t)random_below(&dice, 4);
        there.access.now = here.access.now;
    }
}

static void walk(uint64_t seed, unsigned *seen) {
    const struct peer_stamp stamp = {.revision = 3, .digest = 4};

    random_init(&dice, seed);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct conditions conditions;
        const struct request request = draw_request(&conditions, &stamp);
        struct answer answer = ask_there(&request, i);
        struct reply reply;

        run(&here, &request, &reply);
        assert_same(&answer.reply, &reply);
        if (reply.item.cas != 0) {
            last_cas = reply.item.cas;
        }
        seen[reply.result]++;
        reply_release(&reply);
        let_time_pass();
    }
}

static void test_the_wire_changes_nothing(void **state) {
    static const enum result all[] = {RESULT_HIT,       RESULT_MISS,      RESULT_STORED,      RESULT_DELETED,
                                      RESULT_TOUCHED,   RESULT_DONE,      RESULT_NOT_STORED,  RESULT_EXISTS,
                                      RESULT_NOT_FOUND, RESULT_TOO_LARGE, RESULT_NOT_A_NUMBER};
    unsigned seen[RESULT_COUNT] = {0};

    (void)state;
    walk(1, seen);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_true(seen[all[i]] > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_wire_changes_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
