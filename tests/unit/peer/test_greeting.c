/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer/hello.h"

static const struct greeting_identity anna = {{"herd", 4}, {"anna", 4}, {"secret", 6}};
static const struct greeting_identity bert = {{"herd", 4}, {"bert", 4}, {"secret", 6}};

#define NONCE_A "aaaaaaaaaaaaaaaa"
#define NONCE_B "bbbbbbbbbbbbbbbb"

/* How a greeting between two went. */
struct course {
    enum larder_error greeter;
    enum larder_error greeted;
    bool greeter_done;
    bool greeted_done;
    char lines[4][GREETING_LINE_MAX]; /* as they were said, without their CRLF */
    size_t sizes[4];
};

static void note(struct course *c, int step, const char *line, size_t size) {
    assert_true(size > 2 && size <= GREETING_LINE_MAX && memcmp(line + size - 2, "\r\n", 2) == 0);
    memcpy(c->lines[step], line, size - 2);
    c->sizes[step] = size - 2;
}

static struct slice said(const struct course *c, int step) {
    return slice_make(c->lines[step], c->sizes[step]);
}

/* `replayed`, if there is one, is said in place of the greeter's proof. */
static struct course greet(const struct greeting_identity *from, const struct greeting_identity *to,
                           struct slice expected, const char *nonce, const char *their_nonce, struct slice replayed) {
    struct course c = {.greeter = LARDER_OK};
    struct greeted greeted = {.step = GREETING_HELLO};
    struct greeter greeter;
    char line[GREETING_LINE_MAX];
    size_t size = greeter_begin(&greeter, from, expected, nonce, line);

    note(&c, 0, line, size);
    c.greeted = greeted_hear(&greeted, to, their_nonce, said(&c, 0), line, &size, &c.greeted_done);
    note(&c, 1, line, size);
    c.greeter = greeter_hear(&greeter, said(&c, 1), line, &size, &c.greeter_done);
    if (c.greeter != LARDER_OK || c.greeted != LARDER_OK) {
        return c;
    }
    note(&c, 2, line, size);
    c.greeted = greeted_hear(&greeted, to, their_nonce, replayed.size > 0 ? replayed : said(&c, 2), line, &size,
                             &c.greeted_done);
    note(&c, 3, line, size);
    c.greeter = greeter_hear(&greeter, said(&c, 3), line, &size, &c.greeter_done);
    return c;
}

static struct course greet_simply(const struct greeting_identity *from, const struct greeting_identity *to,
                                  struct slice expected) {
    return greet(from, to, expected, NONCE_A, NONCE_B, SLICE(""));
}

static void check_line(const struct course *c, int step, const char *expected) {
    assert_string_equal(c->lines[step], expected);
}

static void test_two_of_a_cluster(void **state) {
    struct course c = greet_simply(&anna, &bert, SLICE("bert"));

    (void)state;
    assert_int_equal(c.greeter, LARDER_OK);
    assert_int_equal(c.greeted, LARDER_OK);
    assert_true(c.greeter_done && c.greeted_done);
    check_line(&c, 0, "larder_peer 1 herd anna 61616161616161616161616161616161");
    /* By another program: HMAC-SHA-256 with the key "secret" over the label, both nonces, and the three names with their
     * sizes before them. */
    check_line(&c, 1,
               "PEER bert 62626262626262626262626262626262 "
               "9b0e03c83022952703ee5c2b5d5d4596b0217a303dfa70db85ae7bbcbdaa33d1");
    check_line(&c, 2,
               "larder_proof "
               "dd5733b8f8e9b04cc0d5602013070809f5c78c527a4501912e4e7c38d517c308");
    check_line(&c, 3, "OK");
    assert_true(greeting_is(said(&c, 0)));
    assert_false(greeting_is(SLICE("larder_peers 1")) || greeting_is(SLICE("get larder_peer")));
}

static void test_no_token_at_both(void **state) {
    const struct greeting_identity open_anna = {SLICE("herd"), SLICE("anna"), {NULL, 0}};
    const struct greeting_identity open_bert = {SLICE("herd"), SLICE("bert"), {NULL, 0}};
    struct course c = greet_simply(&open_anna, &open_bert, SLICE(""));

    (void)state;
    assert_true(c.greeter_done && c.greeted_done);
    c = greet_simply(&open_anna, &bert, SLICE(""));
    assert_int_equal(c.greeter, LARDER_ERROR_REFUSED);
}

static void test_names_of_any_bytes(void **state) {
    char long_id[MEMBER_ID_MAX];
    char long_cluster[CLUSTER_NAME_MAX];
    const struct greeting_identity odd = {{long_cluster, sizeof(long_cluster)}, SLICE("a %41\r\n\xc3\xa9"), SLICE("t")};
    const struct greeting_identity lengthy = {
        {long_cluster, sizeof(long_cluster)}, {long_id, sizeof(long_id)}, SLICE("t")};
    struct course c;

    (void)state;
    memset(long_id, '\xff', sizeof(long_id));
    memset(long_cluster, '%', sizeof(long_cluster));
    c = greet_simply(&odd, &lengthy, slice_make(long_id, sizeof(long_id)));
    assert_true(c.greeter_done && c.greeted_done);
    c = greet_simply(&lengthy, &odd, odd.id);
    assert_true(c.greeter_done && c.greeted_done);
}

static void test_another_token(void **state) {
    const struct greeting_identity other = {SLICE("herd"), SLICE("anna"), SLICE("secreT")};
    struct course c = greet_simply(&other, &bert, SLICE("bert"));

    (void)state;
    /* Who greets is the first to see it, and shows no proof of his own to whoever that is. */
    assert_int_equal(c.greeter, LARDER_ERROR_REFUSED);
    assert_int_equal(c.sizes[2], 0);
    assert_false(c.greeted_done);
}

static void test_another_cluster(void **state) {
    const struct greeting_identity other = {SLICE("flock"), SLICE("anna"), SLICE("secret")};
    struct course c = greet_simply(&other, &bert, SLICE("bert"));

    (void)state;
    assert_int_equal(c.greeted, LARDER_ERROR_REFUSED);
    assert_int_equal(c.greeter, LARDER_ERROR_REFUSED);
    check_line(&c, 1, "CLIENT_ERROR this node is in another cluster");
}

static void test_another_node(void **state) {
    struct course c = greet_simply(&anna, &bert, SLICE("carl"));

    (void)state;
    assert_int_equal(c.greeter, LARDER_ERROR_REFUSED);
    c = greet_simply(&anna, &anna, SLICE(""));
    assert_int_equal(c.greeted, LARDER_ERROR_REFUSED);
    check_line(&c, 1, "CLIENT_ERROR this node has the same id");
}

/* What was heard on one connection is of no use on another. */
static void test_replays(void **state) {
    struct course first = greet_simply(&anna, &bert, SLICE("bert"));
    struct course c;

    (void)state;
    c = greet(&anna, &bert, SLICE("bert"), NONCE_A, "BBBBBBBBBBBBBBBB", said(&first, 2));
    assert_int_equal(c.greeted, LARDER_ERROR_REFUSED);
    check_line(&c, 3, "CLIENT_ERROR the tokens of the cluster differ");
    c = greet(&anna, &bert, SLICE("bert"), "AAAAAAAAAAAAAAAA", NONCE_B, said(&first, 2));
    assert_int_equal(c.greeted, LARDER_ERROR_REFUSED);
    c = greet(&anna, &bert, SLICE("bert"), NONCE_A, NONCE_B, said(&first, 2));
    assert_int_equal(c.greeted, LARDER_OK);
}

static enum larder_error greeter_hears(const char *line) {
    struct greeter g;
    char out[GREETING_LINE_MAX];
    size_t size;
    bool done;

    greeter_begin(&g, &anna, SLICE("bert"), NONCE_A, out);
    return greeter_hear(&g, slice_from_string(line), out, &size, &done);
}

static void test_replayed_answer(void **state) {
    struct course first = greet(&anna, &bert, SLICE("bert"), "AAAAAAAAAAAAAAAA", NONCE_B, SLICE(""));

    (void)state;
    assert_int_equal(greeter_hears(first.lines[1]), LARDER_ERROR_REFUSED);
}

/* Nobody is answered with his own proof. */
static void test_reflection(void **state) {
    struct course c = greet_simply(&anna, &bert, SLICE("bert"));
    struct slice proof = slice_skip(said(&c, 1), c.sizes[1] - 2 * (size_t)GREETING_PROOF_SIZE);
    char line[GREETING_LINE_MAX];
    int size = snprintf(line, sizeof(line), "larder_proof %.*s", (int)proof.size, proof.data);

    (void)state;
    c = greet(&anna, &bert, SLICE("bert"), NONCE_A, NONCE_B, slice_make(line, (size_t)size));
    assert_int_equal(c.greeted, LARDER_ERROR_REFUSED);
}

static enum larder_error greeted_hears(const char *text) {
    struct greeted g = {.step = GREETING_HELLO};
    char line[GREETING_LINE_MAX];
    size_t size;
    bool done;
    enum larder_error error = greeted_hear(&g, &bert, NONCE_B, slice_from_string(text), line, &size, &done);

    assert_false(done);
    assert_true((error == LARDER_OK) != slice_has_prefix(slice_make(line, size), SLICE("CLIENT_ERROR ")));
    return error;
}

#define HEX32 "00112233445566778899aabbccddeeff"

static void test_garbage(void **state) {
    (void)state;
    assert_int_equal(greeted_hears("larder_peer 1 herd anna " HEX32), LARDER_OK);
    assert_int_equal(greeted_hears("larder_peer 2 herd anna " HEX32 " more"), LARDER_ERROR_REFUSED);
    assert_int_equal(greeted_hears(""), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer x"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna " HEX32 " more"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna " HEX32 "0"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna 0011223344556677889900aabbccddeg"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna% " HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna%4 " HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_peer 1 herd anna%4x " HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeted_hears("larder_proof " HEX32 HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears(""), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears("OK"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears("PEER bert " HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears("PEER bert " HEX32 " " HEX32), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears("PEER bert " HEX32 " " HEX32 HEX32), LARDER_ERROR_REFUSED);
    assert_int_equal(greeter_hears("PEER bert " HEX32 " " HEX32 HEX32 " "), LARDER_ERROR_REFUSED);
    assert_int_equal(greeter_hears("PEER bert " HEX32 " " HEX32 HEX32 " more"), LARDER_ERROR_PROTOCOL);
    assert_int_equal(greeter_hears("ERROR"), LARDER_ERROR_REFUSED);
    assert_int_equal(greeter_hears("ERROR Too many open connections"), LARDER_ERROR_REFUSED);
    assert_int_equal(greeter_hears("CLIENT_ERROR this node is in no cluster"), LARDER_ERROR_REFUSED);
}

/* --- bytes --- */

static enum larder_error hear(struct hello *h, const char *bytes, size_t size, bool *ret_done) {
    char *place;
    size_t room;

    hello_input(h, &place, &room);
    assert_true(room >= size);
    memcpy(place, bytes, size);
    return hello_received(h, size, ret_done);
}

/* Two halves of each of the lines that are heard, cut everywhere. */
static bool greet_cut(size_t cut) {
    struct greeted greeted = {.step = GREETING_HELLO};
    bool over = false;
    bool done = false;
    struct hello h;
    bool cut_any = false;

    hello_begin(&h, &anna, SLICE("bert"));
    while (!done) {
        struct slice output = hello_output(&h);
        char line[GREETING_LINE_MAX];
        size_t size;
        size_t first;

        assert_true(output.size > 2);
        assert_int_equal(
            greeted_hear(&greeted, &bert, NONCE_B, slice_make(output.data, output.size - 2), line, &size, &over),
            LARDER_OK);
        hello_sent(&h, output.size);
        assert_int_equal(hello_output(&h).size, 0);
        first = cut < size ? cut : 0;
        cut_any = cut_any || first > 0;
        if (first > 0) {
            assert_int_equal(hear(&h, line, first, &done), LARDER_OK);
            assert_false(done);
        }
        assert_int_equal(hear(&h, line + first, size - first, &done), LARDER_OK);
    }
    assert_true(over);
    return cut_any;
}

static void test_every_split(void **state) {
    size_t cut = 1;

    (void)state;
    while (greet_cut(cut)) {
        cut++;
    }
    assert_true(cut > 100);
}

static void test_bytes_that_are_none(void **state) {
    char many[GREETING_LINE_MAX];
    struct hello h;
    bool done;

    (void)state;
    memset(many, 'x', sizeof(many));
    hello_begin(&h, &anna, SLICE("bert"));
    assert_int_equal(hear(&h, many, sizeof(many) - 1, &done), LARDER_OK);
    assert_int_equal(hear(&h, many, 1, &done), LARDER_ERROR_PROTOCOL);
    hello_begin(&h, &anna, SLICE("bert"));
    assert_int_equal(hear(&h, "ERROR\r\nERROR\r\n", 14, &done), LARDER_ERROR_PROTOCOL);
}

static void test_nonces_are_new(void **state) {
    struct hello h;
    struct hello i;

    (void)state;
    hello_begin(&h, &anna, SLICE("bert"));
    hello_begin(&i, &anna, SLICE("bert"));
    assert_memory_not_equal(h.greeter.nonce, i.greeter.nonce, GREETING_NONCE_SIZE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_of_a_cluster),
        cmocka_unit_test(test_no_token_at_both),
        cmocka_unit_test(test_names_of_any_bytes),
        cmocka_unit_test(test_another_token),
        cmocka_unit_test(test_another_cluster),
        cmocka_unit_test(test_another_node),
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_replayed_answer),
        cmocka_unit_test(test_reflection),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_bytes_that_are_none),
        cmocka_unit_test(test_nonces_are_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
