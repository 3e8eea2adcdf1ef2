/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "proto/memcached/answer.h"
#include "proto/memcached/command.h"
#include "proto/memcached/error_line.h"
#include "proto/memcached/peer_encode.h"
#include "proto/memcached/peer_words.h"

enum { NOW_NS = 1000000000, ROUNDS = 20000, VALUE_MAX = 300 };

static struct buf wire;
static struct outbox out;
static struct random dice;

static int set_up(void **state) {
    (void)state;
    buf_init(&wire, 1 << 20);
    outbox_init(&out, 1 << 20);
    random_init(&dice, 42);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    buf_fini(&wire);
    outbox_fini(&out);
    return 0;
}

/* --- requests --- */

/* Encodes the request and decodes it on the other side. */
static void pass_on(const struct request *request, struct mc_command *ret_command) {
    const char *newline;

    wire.size = 0;
    assert_int_equal(peer_request_encode(&wire, request, 7, NOW_NS), LARDER_OK);
    newline = memchr(wire.data, '\n', wire.size);
    assert_non_null(newline);
    assert_true(newline - wire.data <= MC_LINE_MAX && newline[-1] == '\r');
    mc_decode_greeted(slice_make(wire.data, (size_t)(newline - wire.data) - 1), NOW_NS, ret_command);
    assert_int_equal(ret_command->form, MC_FORM_PEER);
    if (ret_command->has_body) {
        ret_command->request.value = slice_make(newline + 1, ret_command->request.body_size);
        assert_ptr_equal(ret_command->request.value.data + ret_command->request.value.size + 2, wire.data + wire.size);
    }
}

static void assert_same_condition(const struct condition *a, const struct condition *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->numbers, b->numbers, a->count * sizeof(a->numbers[0]));
}

static void assert_same_request(const struct request *a, const struct request *b) {
    assert_int_equal(a->command, b->command);
    assert_int_equal(a->options, b->options);
    assert_true(slice_equal(a->key, b->key));
    assert_true(slice_equal(a->value, b->value));
    assert_int_equal(a->client_flags, b->client_flags);
    assert_int_equal(a->body_size, b->body_size);
    assert_int_equal(a->ttl, b->ttl);
    assert_int_equal(a->vivify_ttl, b->vivify_ttl);
    assert_int_equal(a->recache_ttl, b->recache_ttl);
    assert_int_equal(a->compare, b->compare);
    assert_int_equal(a->cas, b->cas);
    assert_int_equal(a->delta, b->delta);
    assert_int_equal(a->initial, b->initial);
    assert_int_equal(a->conditions != NULL, b->conditions != NULL);
    if (a->conditions != NULL) {
        assert_same_condition(&a->conditions->match, &b->conditions->match);
        assert_same_condition(&a->conditions->none_match, &b->conditions->none_match);
    }
    assert_int_equal(a->peer->revision, b->peer->revision);
    assert_int_equal(a->peer->digest, b->peer->digest);
    assert_int_equal(a->peer->give_up, b->peer->give_up);
    assert_int_equal(a->peer->keeps, b->peer->keeps);
    assert_int_equal(a->peer->revoke, b->peer->revoke);
    assert_int_equal(a->peer->purges, b->peer->give_up || b->peer->keeps ? b->peer->purges : 0);
}

/* Small, large, none. */
static uint64_t draw_number(void) {
    switch (random_below(&dice, 4)) {
    case 0:
        return 0;
    case 1:
        return random_below(&dice, 100);
    case 2:
        return UINT64_MAX - random_below(&dice, 2);
    default:
        return random_next(&dice);
    }
}

static struct condition draw_condition(void) {
    struct condition c = {.kind = (enum condition_kind)random_below(&dice, 3)};

    if (c.kind == CONDITION_LIST) {
        c.count = (unsigned)random_below(&dice, CONDITION_NUMBERS_MAX + 1);
        for (unsigned i = 0; i < c.count; i++) {
            c.numbers[i] = draw_number();
        }
    }
    return c;
}

static struct slice draw_bytes(char *place, size_t least, size_t most) {
    size_t size = least + random_below(&dice, most - least + 1);
    bool plain = random_below(&dice, 2) == 0;

    for (size_t i = 0; i < size; i++) {
        place[i] = (char)(plain ? 'a' + random_below(&dice, 26) : random_below(&dice, 256));
    }
    return slice_make(place, size);
}

/* Every option there is, but for those of stores. */
enum { OPTIONS = 17 };

static uint32_t draw_options(void) {
    uint32_t options = 0;

    for (unsigned i = 0; i < OPTIONS; i++) {
        options |= random_below(&dice, 3) == 0 ? UINT32_C(1) << i : 0;
    }
    return options & ~PEER_OPTIONS_OF_STORES;
}

/* The errands: to give up, and of a get to keep a copy or to drop it. */
static struct peer_stamp draw_stamp(enum command asked) {
    struct peer_stamp stamp = {
        .revision = (int64_t)draw_number(), .digest = draw_number(), .purges = (int64_t)draw_number()};

    switch (random_below(&dice, asked == COMMAND_GET ? 4 : 2)) {
    case 1:
        stamp.give_up = true;
        break;
    case 2:
        stamp.keeps = true;
        break;
    case 3:
        stamp.revoke = draw_number();
        break;
    default:
        break;
    }
    return stamp;
}

static void test_requests_arrive_as_they_are(void **state) {
    char key[REQUEST_KEY_MAX];
    char value[VALUE_MAX];
    struct mc_command command;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct peer_command *asked = &peer_commands[random_below(&dice, peer_command_count)];
        const struct peer_stamp stamp = draw_stamp(asked->command);
        const struct conditions conditions = {.match = draw_condition(), .none_match = draw_condition()};
        struct request request = {
            .command = asked->command,
            .options = draw_options(),
            .key = draw_bytes(key, 1, sizeof(key)),
            .client_flags = (uint32_t)draw_number(),
            .ttl = (int64_t)draw_number(),
            .vivify_ttl = (int64_t)draw_number(),
            .recache_ttl = (int64_t)draw_number(),
            .compare = draw_number(),
            .cas = draw_number(),
            .delta = draw_number(),
            .initial = draw_number(),
            .conditions = random_below(&dice, 4) == 0 ? &conditions : NULL,
            .peer = &stamp,
        };

        if (asked->verb == 's') {
            request.value = draw_bytes(value, 0, sizeof(value));
            request.body_size = (uint32_t)request.value.size;
        }
        pass_on(&request, &command);
        assert_same_request(&command.request, &request);
    }
}

static void test_wishes_arrive_as_they_are(void **state) {
    const struct peer_stamp stamp = {.revision = 1};
    const struct http_caching_request caching = {.words = HTTP_WISH_NO_CACHE | HTTP_WISH_MAX_AGE,
                                                 .max_age = 60,
                                                 .min_fresh = 1,
                                                 .max_stale = HTTP_SECONDS_MAX,
                                                 .if_error = 2};
    struct request request = {.command = COMMAND_GET,
                              .key = SLICE("o/k"),
                              .options = REQUEST_OUT_OF_TURN,
                              .caching = &caching,
                              .peer = &stamp};
    struct mc_command command;

    (void)state;
    pass_on(&request, &command);
    assert_int_equal(command.request.options, REQUEST_OUT_OF_TURN); /* the owner's group says how fresh */
    assert_non_null(command.request.caching);
    assert_int_equal(command.request.caching->words, caching.words);
    assert_int_equal(command.request.caching->max_age, 60);
    assert_int_equal(command.request.caching->min_fresh, 1);
    assert_int_equal(command.request.caching->max_stale, HTTP_SECONDS_MAX);
    assert_int_equal(command.request.caching->if_error, 2);
    request.caching = NULL;
    request.options |= REQUEST_FRESHNESS;
    request.freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE, .max_stale_ns = 5 * CLOCK_NS_PER_MS};
    pass_on(&request, &command);
    assert_int_equal(command.request.options, request.options);
    assert_int_equal(command.request.freshness.kind, FRESHNESS_MAX_STALE);
    assert_int_equal(command.request.freshness.max_stale_ns, 5 * CLOCK_NS_PER_MS);
}

static void test_traces_arrive_as_they_are(void **state) {
    const struct peer_stamp stamp = {.revision = 1};
    struct request request = {.command = COMMAND_GET, .key = SLICE("k"), .peer = &stamp};
    static const char *const strange[] = {"H0123456789abcdef0123456789abcdef01234567",
                                          "H0123456789abcdef0123456789abcdef0123456789abcdef2",
                                          "H0123456789abcdef0123456789abcdef0123456789abcdeg1", "H"};
    struct mc_command command;
    char line[128];

    (void)state;
    for (int i = 0; i < TRACE_ID_SIZE; i++) {
        request.trace.trace_id[i] = (uint8_t)(0xf0 + i);
    }
    for (int i = 0; i < TRACE_SPAN_ID_SIZE; i++) {
        request.trace.span_id[i] = (uint8_t)(0x80 - i);
    }
    for (uint8_t flags = 0; flags <= TRACE_FLAG_SAMPLED; flags++) {
        request.trace.flags = flags;
        pass_on(&request, &command);
        assert_memory_equal(&command.request.trace, &request.trace, sizeof(request.trace));
    }
    memset(request.trace.span_id, 0, TRACE_SPAN_ID_SIZE); /* it is in none */
    pass_on(&request, &command);
    assert_null(memmem(wire.data, wire.size, " H", 2));
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        snprintf(line, sizeof(line), "mg k P1.0000000000000000 AG %s O7", strange[i]);
        mc_decode_greeted(slice_from_string(line), NOW_NS, &command);
        assert_int_equal(command.form, MC_FORM_ERROR);
    }
}

/* What the owner of a key of an origin group answers. */
static void pass_back_of(uint32_t options, const struct reply *reply, struct answer *ret_answer) {
    const struct mc_command command = {
        .form = MC_FORM_PEER,
        .request = {.command = COMMAND_GET, .options = options},
        .arguments = SLICE("7"),
    };
    struct mc_response response;
    size_t size;

    out.bytes.size = 0;
    assert_int_equal(mc_encode(&out, &command, reply, SIZE_MAX), LARDER_OK);
    assert_int_equal(mc_response_decode(buf_slice(&out.bytes), VALUE_MAX, &response, &size), LARDER_OK);
    assert_int_equal(size, out.bytes.size);
    assert_int_equal(answer_read_peer(COMMAND_GET, 7, &response, ret_answer), LARDER_OK);
}

static void pass_back(const struct reply *reply, struct answer *ret_answer) {
    pass_back_of(REQUEST_OUT_OF_TURN, reply, ret_answer);
}

static void test_answers_of_origins_arrive_as_they_are(void **state) {
    const enum result results[] = {RESULT_HIT, RESULT_ORIGIN_ABSENT, RESULT_ORIGIN_REDIRECT, RESULT_ORIGIN_FAILED};
    struct answer answer;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct reply reply = {
            .result = results[i],
            .item = {.value = SLICE("headbody"), .head_size = 4},
            .source = REPLY_ORIGIN_STALE,
            .origin_status = 304,
            .collapsed = i % 2 == 0,
            .stored = i / 2 == 0,
        };

        pass_back(&reply, &answer);
        assert_int_equal(answer.reply.result, RESULT_HIT); /* what it is says the head */
        assert_true(slice_equal(answer.reply.item.value, SLICE("headbody")));
        assert_int_equal(answer.reply.item.head_size, 4);
        assert_int_equal(answer.reply.source, REPLY_ORIGIN_STALE);
        assert_int_equal(answer.reply.origin_status, 304);
        assert_int_equal(answer.reply.collapsed, i % 2 == 0);
        assert_int_equal(answer.reply.stored, i / 2 == 0);
    }
}

static void test_errors_out_of_turn_say_whose_they_are(void **state) {
    const enum result results[] = {RESULT_ORIGIN_BUSY, RESULT_NOT_CACHED, RESULT_TOO_LARGE, RESULT_ISOLATED};
    struct answer answer;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        pass_back(&(struct reply){.result = results[i]}, &answer);
        assert_int_equal(answer.reply.result, results[i]);
    }
    pass_back(&(struct reply){.result = RESULT_WRONG_EPOCH, .revision = 99}, &answer);
    assert_int_equal(answer.reply.result, RESULT_WRONG_EPOCH);
    assert_int_equal(answer.reply.revision, 99);
}

static void test_copies_are_granted_with_values(void **state) {
    const struct {
        int64_t granted_ns;
        int64_t told_ns;
    } grants[] = {{0, 0},
                  {PEER_COPY_UNIT_NS - 1, 0}, /* never longer than granted */
                  {PEER_COPY_UNIT_NS, PEER_COPY_UNIT_NS},
                  {1234567, 1234000},
                  {CLOCK_NS_PER_S, CLOCK_NS_PER_S},
                  {INT64_MAX, (int64_t)PEER_COPY_MAX_US * PEER_COPY_UNIT_NS}};
    const uint32_t options[] = {0, REQUEST_PLAIN, REQUEST_OUT_OF_TURN, REQUEST_OUT_OF_TURN | REQUEST_PLAIN};
    struct answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
        for (unsigned j = 0; j < 8; j++) {
            const struct reply reply = {.result = RESULT_HIT,
                                        .item = {.value = SLICE("headbody"), .head_size = j % 2 == 0 ? 4 : 0},
                                        .source = REPLY_ORIGIN_HIT,
                                        .copy_ns = grants[i].granted_ns};

            pass_back_of(options[j / 2], &reply, &answer);
            assert_int_equal(answer.reply.copy_ns, grants[i].told_ns);
            assert_int_equal(answer.reply.item.head_size, reply.item.head_size);
            assert_true(slice_equal(answer.reply.item.value, reply.item.value));
        }
    }
    pass_back(&(struct reply){.result = RESULT_MISS, .copy_ns = CLOCK_NS_PER_S}, &answer);
    assert_int_equal(answer.reply.copy_ns, 0);
    pass_back(&(struct reply){.result = RESULT_HIT, .item = {.unchanged = true}, .copy_ns = CLOCK_NS_PER_S}, &answer);
    assert_int_equal(answer.reply.copy_ns, 0);
}

static int64_t deadline_after(int64_t deadline_ns) {
    const struct peer_stamp stamp = {.revision = 1};
    const struct request request = {
        .command = COMMAND_GET, .key = SLICE("k"), .deadline_ns = deadline_ns, .peer = &stamp};
    struct mc_command command;

    pass_on(&request, &command);
    return command.request.deadline_ns;
}

static void test_deadlines_shrink(void **state) {
    (void)state;
    assert_int_equal(deadline_after(0), 0);
    assert_int_equal(deadline_after(NOW_NS + 5 * CLOCK_NS_PER_MS), NOW_NS + 5 * CLOCK_NS_PER_MS);
    assert_int_equal(deadline_after(NOW_NS + 5 * CLOCK_NS_PER_MS + 999999), NOW_NS + 5 * CLOCK_NS_PER_MS);
    assert_int_equal(deadline_after(NOW_NS - 1), NOW_NS);
    assert_int_equal(deadline_after(1), NOW_NS);
    assert_int_equal(deadline_after(INT64_MAX), NOW_NS + PEER_DEADLINE_MAX_MS * CLOCK_NS_PER_MS);
}

static void check_line(const struct request *request, const char *expected) {
    wire.size = 0;
    assert_int_equal(peer_request_encode(&wire, request, 7, NOW_NS), LARDER_OK);
    assert_int_equal(buf_append(&wire, "", 1), LARDER_OK);
    assert_string_equal(wire.data, expected);
}

static void test_the_words(void **state) {
    const struct peer_stamp stamp = {.revision = 12, .digest = 0xabc};
    const struct peer_stamp give_up = {.revision = 12, .digest = 0xabc, .give_up = true};
    const struct peer_stamp keeps = {.revision = 12, .digest = 0xabc, .keeps = true, .purges = 5};
    const struct peer_stamp revoke = {.revision = 12, .digest = 0xabc, .purges = 5, .revoke = UINT64_MAX};
    const struct conditions conditions = {.match = {.kind = CONDITION_LIST, .count = 2, .numbers = {1, 2}},
                                          .none_match = {.kind = CONDITION_ANY}};

    (void)state;
    check_line(&(struct request){.command = COMMAND_GET, .key = SLICE("k"), .peer = &stamp},
               "mg k P12.0000000000000abc AG O7\r\n");
    check_line(
        &(struct request){
            .command = COMMAND_GET, .key = SLICE("k"), .peer = &give_up, .deadline_ns = NOW_NS + 20 * CLOCK_NS_PER_MS},
        "mg k P12.0000000000000abc.20 AG L0 O7\r\n");
    check_line(&(struct request){.command = COMMAND_GET, .key = SLICE("k"), .peer = &keeps, .options = REQUEST_PLAIN},
               "mg k P12.0000000000000abc AGo K5 O7\r\n");
    check_line(&(struct request){.command = COMMAND_GET, .key = SLICE("a b"), .peer = &revoke},
               "mg YSBi P12.0000000000000abc AG U18446744073709551615 b O7\r\n");
    check_line(&(struct request){.command = COMMAND_SET,
                                 .key = SLICE("a b"),
                                 .value = SLICE("x\r\n"),
                                 .ttl = -5,
                                 .client_flags = 3,
                                 .options = REQUEST_BINARY_KEY | REQUEST_EVICT_ON_REFUSAL,
                                 .conditions = &conditions,
                                 .peer = &stamp},
               "ms YSBi 3 P12.0000000000000abc ASbv b T-5 F3 Y=1,2!* O7\r\nx\r\n\r\n");
    check_line(&(struct request){.command = COMMAND_DEBUG, .key = SLICE("k"), .peer = &stamp},
               "me k P12.0000000000000abc AM O7\r\n");
}

static void test_what_cannot_be_asked(void **state) {
    const struct peer_stamp stamp = {.revision = 1};
    char key[REQUEST_KEY_MAX + 1];

    (void)state;
    memset(key, 'k', sizeof(key));
    wire.size = 0;
    assert_int_equal(peer_request_encode(
                         &wire, &(struct request){.command = COMMAND_FLUSH, .key = SLICE("k"), .peer = &stamp}, 0, 1),
                     LARDER_ERROR_UNSUPPORTED);
    assert_int_equal(peer_request_encode(
                         &wire,
                         &(struct request){
                             .command = COMMAND_GET, .key = SLICE("k"), .options = REQUEST_AT_REVISION, .peer = &stamp},
                         0, 1),
                     LARDER_ERROR_UNSUPPORTED);
    assert_int_equal(peer_request_encode(&wire, &(struct request){.command = COMMAND_GET, .peer = &stamp}, 0, 1),
                     LARDER_ERROR_INVALID);
    assert_int_equal(peer_request_encode(
                         &wire,
                         &(struct request){.command = COMMAND_GET, .key = slice_make(key, sizeof(key)), .peer = &stamp},
                         0, 1),
                     LARDER_ERROR_INVALID);
    assert_int_equal(wire.size, 0);
}

/* Lines that no node says. Of an ms whose size is known the value is dropped. */
static void test_odd_lines(void **state) {
    static const char *const lines[] = {
        "",
        "get k",
        "gat 1 k",
        "stats",
        "flush_all",
        "version",
        "touch k 1",
        "mg k",
        "mg k v",
        "mg k P1.0000000000000000 AG",
        "mg k AG O7",
        "mg k AG P1.0000000000000000 O7",
        "mg k P1 AG O7",
        "mg k P1.0 AG O7",
        "mg k P1.00000000000000000 AG O7",
        "mg k P1.000000000000000G AG O7",
        "mg k Px.0000000000000000 AG O7",
        "mg k P1.0000000000000000.x AG O7",
        "mg k P1.0000000000000000.99999999999 AG O7",
        "mg k P1.0000000000000000.1.1 AG O7",
        "mg k P1.0000000000000000 O7",
        "mg k P1.0000000000000000 A O7",
        "mg k P1.0000000000000000 AS O7",
        "mg k P1.0000000000000000 Az O7",
        "mg k P1.0000000000000000 AGy O7",
        "mg k P1.0000000000000000 AG Lx O7",
        "mg k P1.0000000000000000 AG L L O7",
        "mg k P1.0000000000000000 AG K O7",
        "mg k P1.0000000000000000 AG Kx O7",
        "mg k P1.0000000000000000 AG K1 K1 O7",
        "mg k P1.0000000000000000 AG K1 L1 O7",
        "mg k P1.0000000000000000 AG L1 K1 O7",
        "mg k P1.0000000000000000 AG U O7",
        "mg k P1.0000000000000000 AG U0 O7",
        "mg k P1.0000000000000000 AG U-1 O7",
        "mg k P1.0000000000000000 AG U18446744073709551616 O7",
        "mg k P1.0000000000000000 AG U1 U1 O7",
        "mg k P1.0000000000000000 AG U1 K1 O7",
        "mg k P1.0000000000000000 AG L1 U1 O7",
        "mg k P1.0000000000000000 AU K1 O7",
        "mg k P1.0000000000000000 AT U1 O7",
        "md k P1.0000000000000000 U1 AX O7",
        "mg k P1.0000000000000000 AG b O7",
        "mg k P1.0000000000000000 AG T O7",
        "mg k P1.0000000000000000 AG T1x O7",
        "mg k P1.0000000000000000 AG F4294967296 O7",
        "mg k P1.0000000000000000 AG Yx O7",
        "mg k P1.0000000000000000 AG Y!* O7 v",
        "mg k P1.0000000000000000 AG Y=1,,2 O7",
        "mg k P1.0000000000000000 AG Y=, O7",
        "mg k P1.0000000000000000 AG Y=1, O7",
        "mg k P1.0000000000000000 AG Y!1=2 O7",
        "mg k P1.0000000000000000 AG Y=1,2,3,4,5,6,7,8,9,10,11,12,13 O7",
        "mg k P1.0000000000000000 AG O",
        "mg k P1.0000000000000000 AG O12345678901234567890123456789012",
        "ms k P1.0000000000000000 AS O7",
        "mz k P1.0000000000000000 AG O7",
    };
    struct mc_command command;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        mc_decode_greeted(slice_from_string(lines[i]), NOW_NS, &command);
        if (command.form != MC_FORM_ERROR || command.request.peer != NULL || command.has_body) {
            fail_msg("taken: %s", lines[i]);
        }
    }
    mc_decode_greeted(SLICE("ms k 5 P1.0000000000000000 AG O7"), NOW_NS, &command);
    assert_true(command.form == MC_FORM_ERROR && command.has_body && command.bad_body);
    mc_decode_greeted(SLICE("set k 0 0 5"), NOW_NS, &command);
    assert_true(command.form == MC_FORM_ERROR && command.has_body && command.bad_body);
    mc_decode_greeted(SLICE("mn"), NOW_NS, &command);
    assert_int_equal(command.form, MC_FORM_NOOP);
    mc_decode_greeted(SLICE("quit"), NOW_NS, &command);
    assert_int_equal(command.form, MC_FORM_QUIT);
}

/* Whoever has not greeted may say P and L, as to any memcached, and means nothing by it. */
static void test_clients_are_no_nodes(void **state) {
    struct mc_command command;

    (void)state;
    mc_decode(SLICE("mg k P1.0000000000000000 L O7 v"), &command);
    assert_int_equal(command.form, MC_FORM_META);
    assert_null(command.request.peer);
    assert_int_equal(command.request.deadline_ns, 0);
    mc_decode(SLICE("mg k P1.0000000000000000 AG O7"), &command);
    assert_int_equal(command.form, MC_FORM_ERROR);
}

/* --- replies --- */

static struct mc_command command_of(enum command asked) {
    const struct peer_stamp stamp = {.revision = 1};
    const struct request request = {.command = asked, .key = SLICE("k"), .peer = &stamp};
    struct mc_command command;

    pass_on(&request, &command);
    return command;
}

static struct slice said(void) {
    struct iovec pieces[2];

    assert_int_equal(outbox_pieces(&out, pieces, 2), 1);
    return slice_make(pieces[0].iov_base, pieces[0].iov_len);
}

/* Encodes the reply to `asked` and reads it on the other side; the answer is good until the next. */
static struct answer bring_back(enum command asked, const struct reply *reply) {
    struct mc_command command = command_of(asked);
    struct mc_response response;
    struct answer answer;
    size_t size;

    outbox_clear(&out, 0);
    assert_int_equal(mc_encode(&out, &command, reply, SIZE_MAX), LARDER_OK);
    assert_int_equal(mc_response_decode(said(), VALUE_MAX, &response, &size), LARDER_OK);
    assert_int_equal(size, said().size);
    assert_int_equal(answer_read_peer(asked, 7, &response, &answer), LARDER_OK);
    return answer;
}

static void assert_same_item(const struct item *a, const struct item *b) {
    assert_int_equal(a->value.size, b->value.size);
    if (b->value.size > 0 && b->value.data != NULL && !b->unchanged) {
        assert_memory_equal(a->value.data, b->value.data, b->value.size);
    }
    assert_int_equal(a->client_flags, b->client_flags);
    assert_int_equal(a->last_access, b->last_access);
    assert_int_equal(a->cas, b->cas);
    assert_int_equal(a->ttl, b->ttl);
    assert_int_equal(a->ttl_before, b->ttl_before);
    assert_int_equal(a->footprint, b->footprint);
    assert_int_equal(a->queue, b->queue);
    assert_int_equal(a->binary_key, b->binary_key);
    assert_int_equal(a->unchanged, b->unchanged);
    assert_int_equal(a->fetched, b->fetched);
    assert_int_equal(a->stale, b->stale);
    assert_int_equal(a->won, b->won);
    assert_int_equal(a->win_sent, b->win_sent);
    assert_int_equal(a->created, b->created);
}

static bool flip(void) {
    return random_below(&dice, 2) == 0;
}

static int64_t draw_ttl(void) {
    return random_below(&dice, 3) == 0 ? ITEM_TTL_FOREVER : (int64_t)random_below(&dice, UINT32_MAX);
}

static struct item draw_item(char *place) {
    struct item item = {
        .value = draw_bytes(place, 0, VALUE_MAX),
        .client_flags = (uint32_t)draw_number(),
        .last_access = (uint32_t)draw_number(),
        .cas = draw_number(),
        .ttl = flip() ? draw_ttl() : 0,
        .footprint = (uint32_t)draw_number(),
        .queue = (uint8_t)random_below(&dice, 2),
        .binary_key = flip(),
        .unchanged = flip(),
        .fetched = flip(),
        .stale = flip(),
        .won = flip(),
        .win_sent = flip(),
        .created = flip(),
    };

    item.ttl_before = flip() ? item.ttl : draw_ttl();
    return item;
}

static const struct {
    enum command command;
    enum result result;
} answered[] = {
    {COMMAND_GET, RESULT_HIT},        {COMMAND_GET, RESULT_MISS},
    {COMMAND_GAT, RESULT_HIT},        {COMMAND_GAT, RESULT_MISS},
    {COMMAND_TOUCH, RESULT_TOUCHED},  {COMMAND_TOUCH, RESULT_NOT_FOUND},
    {COMMAND_DEBUG, RESULT_HIT},      {COMMAND_DEBUG, RESULT_MISS},
    {COMMAND_SET, RESULT_STORED},     {COMMAND_SET, RESULT_EXISTS},
    {COMMAND_ADD, RESULT_STORED},     {COMMAND_ADD, RESULT_NOT_STORED},
    {COMMAND_REPLACE, RESULT_STORED}, {COMMAND_APPEND, RESULT_STORED},
    {COMMAND_PREPEND, RESULT_STORED}, {COMMAND_PREPEND, RESULT_NOT_STORED},
    {COMMAND_CAS, RESULT_STORED},     {COMMAND_CAS, RESULT_NOT_FOUND},
    {COMMAND_CAS, RESULT_EXISTS},     {COMMAND_INCR, RESULT_DONE},
    {COMMAND_DECR, RESULT_DONE},      {COMMAND_INCR, RESULT_NOT_FOUND},
    {COMMAND_DELETE, RESULT_DELETED}, {COMMAND_DELETE, RESULT_NOT_FOUND},
    {COMMAND_DELETE, RESULT_EXISTS},  {COMMAND_INVALIDATE, RESULT_DELETED},
};

static void test_replies_arrive_as_they_are(void **state) {
    char value[VALUE_MAX];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t which = random_below(&dice, sizeof(answered) / sizeof(answered[0]));
        struct reply reply = {.result = answered[which].result, .item = draw_item(value), .number = draw_number()};
        struct answer answer;

        if (answered[which].command == COMMAND_DEBUG) {
            reply.item.value.size = 0;
        }
        answer = bring_back(answered[which].command, &reply);
        assert_int_equal(answer.reply.result, reply.result);
        assert_int_equal(answer.reply.number, reply.number);
        if (answered[which].result != RESULT_HIT) {
            reply.item.value.data = NULL; /* only its size is told */
        }
        assert_same_item(&answer.reply.item, &reply.item);
    }
}

static void test_errors_arrive_as_they_are(void **state) {
    const enum result known[] = {RESULT_TOO_LARGE,       RESULT_NO_MEMORY,   RESULT_NOT_A_NUMBER,  RESULT_INVALID,
                                 RESULT_UNSUPPORTED,     RESULT_OWNER_AWAY,  RESULT_OWNER_UNKNOWN, RESULT_ISOLATED,
                                 RESULT_NO_RING,         RESULT_UNSETTLED,   RESULT_FORBIDDEN,     RESULT_NODES_MISSING,
                                 RESULT_UNAUTHENTICATED, RESULT_WRONG_EPOCH, RESULT_STORE_FAILED};
    const int64_t revisions[] = {0, 1, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct reply reply = {.result = known[i]};

        assert_int_equal(bring_back(COMMAND_SET, &reply).reply.result, known[i]);
    }
    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        const struct reply reply = {.result = RESULT_WRONG_EPOCH, .revision = revisions[i]};

        assert_int_equal(bring_back(COMMAND_GET, &reply).reply.revision, revisions[i]);
    }
    assert_int_equal(bring_back(COMMAND_GET, &(struct reply){.result = RESULT_COMPACTED}).reply.result,
                     RESULT_UNSUPPORTED);
}

static void check_foreign(enum command command, const char *line) {
    struct mc_response response;
    struct answer answer;
    size_t size;

    assert_int_equal(mc_response_decode(slice_from_string(line), 100, &response, &size), LARDER_OK);
    if (answer_read_peer(command, 7, &response, &answer) != LARDER_ERROR_PROTOCOL) {
        fail_msg("taken: %s", line);
    }
}

static void test_foreign_answers(void **state) {
    (void)state;
    check_foreign(COMMAND_GET, "HD\r\n");
    check_foreign(COMMAND_GET, "HD O8\r\n");
    check_foreign(COMMAND_GET, "EN\r\n");
    check_foreign(COMMAND_GET, "END\r\n");
    check_foreign(COMMAND_SET, "STORED\r\n");
    check_foreign(COMMAND_SET, "VA 1 O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "HD k O7\r\n");
    check_foreign(COMMAND_GET, "HD t-2 O7\r\n");
    check_foreign(COMMAND_GET, "HD q256 O7\r\n");
    check_foreign(COMMAND_GET, "HD f4294967296 O7\r\n");
    check_foreign(COMMAND_GET, "HD Ay O7\r\n");
    check_foreign(COMMAND_GET, "HD c O7\r\n");
    check_foreign(COMMAND_GET, "HD s3 O7\r\n");
    check_foreign(COMMAND_DEBUG, "HD s3 O7\r\n");
    check_foreign(COMMAND_GET, "VA 1 G O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "VA 1 G0 O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "VA 1 G-1 O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "VA 1 G60000001 O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "VA 1 G5 G5 O7\r\nx\r\n");
    check_foreign(COMMAND_GET, "HD Au G5 O7\r\n");
    check_foreign(COMMAND_GET, "EN G5 O7\r\n");
    check_foreign(COMMAND_GET, "HD X5 G5 O7\r\n");
    check_foreign(COMMAND_GET, "SERVER_ERROR who knows\r\n");
    check_foreign(COMMAND_GET, "SERVER_ERROR wrong-epoch x\r\n");
    check_foreign(COMMAND_GET, "ERROR\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wishes_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_traces_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_of_origins_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_out_of_turn_say_whose_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies_are_granted_with_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadlines_shrink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clients_are_no_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replies_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_arrive_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_answers, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
