/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/http/events.h"
#include "cli/http/target.h"
#include "cli/http/transfer.h"
#include "toy_server.h"

static void a_target_keeps_every_byte(void **state) {
    struct target target;

    (void)state;
    target_init(&target);
    target_begin(&target, SLICE("config/a b?c#d%/../\xff\0~"));
    assert_false(target.failed);
    assert_true(slice_equal(buf_slice(&target.text), SLICE("/config/a%20b%3Fc%23d%25/../%FF%00~")));
    target_add_flag(&target, "watch");
    target_add(&target, "prefix", SLICE("a/+&="));
    target_add_number(&target, "limit", 120);
    assert_true(slice_equal(slice_skip(buf_slice(&target.text), 35), SLICE("?watch&prefix=a%2F%2B%26%3D&limit=120")));
    target_begin(&target, SLICE(""));
    assert_true(slice_equal(buf_slice(&target.text), SLICE("/")));
    target_fini(&target);
}

static void a_target_has_a_limit(void **state) {
    static char key[TARGET_MAX];
    struct target target;

    (void)state;
    memset(key, 'k', sizeof(key));
    target_init(&target);
    target_begin(&target, slice_make(key, sizeof(key)));
    assert_true(target.failed);
    target_begin(&target, SLICE("k"));
    assert_false(target.failed);
    target_fini(&target);
}

struct seen {
    char text[512];
    int left;
};

static bool note(void *ctx, const struct event *event) {
    struct seen *seen = ctx;
    size_t size = strlen(seen->text);

    snprintf(seen->text + size, sizeof(seen->text) - size, "%.*s/%.*s/%.*s;", (int)event->name.size, event->name.data,
             (int)event->id.size, event->id.data, (int)event->data.size, event->data.data);
    return --seen->left != 0;
}

static const char stream[] = "\xef\xbb\xbf: a comment\n\nid: 5\nevent: put\ndata: {\"a\":1}\n\n"
                             "data\ndata: two\r\ndata:  lines\r\n\r\nretry: 5\rid:6\revent:none\r\rdata: x\r\r"
                             "id\nnobody: knows\ndata: y\n\nevent: cut";

static const char expected[] = "put/5/{\"a\":1};/5/\ntwo\n lines;/6/x;//y;";

static void events_are_read_cut_anywhere(void **state) {
    size_t size = sizeof(stream) - 1;

    (void)state;
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            struct seen seen = {.text = ""};
            struct events events;

            events_init(&events);
            assert_int_equal(events_feed(&events, slice_make(stream, first), note, &seen), LARDER_OK);
            assert_int_equal(events_feed(&events, slice_make(stream + first, second - first), note, &seen), LARDER_OK);
            assert_int_equal(events_feed(&events, slice_make(stream + second, size - second), note, &seen), LARDER_OK);
            assert_string_equal(seen.text, expected);
            events_fini(&events);
        }
    }
}

static void the_receiver_may_have_had_enough(void **state) {
    struct seen seen = {.text = "", .left = 2};
    struct events events;

    (void)state;
    events_init(&events);
    assert_int_equal(events_feed(&events, slice_make(stream, sizeof(stream) - 1), note, &seen), LARDER_OK);
    assert_string_equal(seen.text, "put/5/{\"a\":1};/5/\ntwo\n lines;");
    events_reset(&events);
    seen = (struct seen){.text = ""};
    assert_int_equal(events_feed(&events, SLICE("data: new\n\n"), note, &seen), LARDER_OK);
    assert_string_equal(seen.text, "//new;");
    events_fini(&events);
}

static struct transfer *open_to(const struct toy_server *server) {
    struct transfer *transfer;

    assert_int_equal(transfer_open(toy_server_address(server), NULL, 10 * CLOCK_NS_PER_S, &transfer), LARDER_OK);
    return transfer;
}

static void requests_come_back_with_their_answers(void **state) {
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);
    struct transfer *transfer = open_to(server);
    struct transfer_answer answer;
    struct transfer_request get = {.method = "GET", .target = SLICE("/a/../k?x=1")};
    struct transfer_request put = {
        .method = "PUT", .target = SLICE("/a/../k"), .has_body = true, .body = SLICE("some value")};

    (void)state;
    assert_int_equal(transfer_ask(transfer, &get, &answer), LARDER_OK);
    assert_int_equal(answer.status, 404);
    assert_false(answer.has_tag);
    assert_int_equal(transfer_ask(transfer, &put, &answer), LARDER_OK);
    assert_int_equal(answer.status, 201);
    assert_true(answer.has_tag);
    assert_int_equal(answer.tag, 1);
    assert_int_equal(transfer_ask(transfer, &get, &answer), LARDER_OK);
    assert_int_equal(answer.status, 200);
    assert_false(answer.has_revision);
    assert_true(slice_equal(answer.body, SLICE("some value")));
    put.body.size = 0;
    assert_int_equal(transfer_ask(transfer, &put, &answer), LARDER_OK);
    assert_int_equal(transfer_ask(transfer, &get, &answer), LARDER_OK);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, 0);
    get.method = "DELETE";
    assert_int_equal(transfer_ask(transfer, &get, &answer), LARDER_OK);
    assert_int_equal(answer.status, 204);
    transfer_close(transfer);
    toy_server_free(server);
}

static bool take_piece(void *ctx, struct slice piece) {
    size_t *left = ctx;

    *left = piece.size < *left ? *left - piece.size : 0;
    return *left > 0;
}

static void a_stream_is_handed_on_as_it_comes(void **state) {
    static char value[100000];
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);
    struct transfer *transfer = open_to(server);
    struct transfer_request put = {
        .method = "PUT", .target = SLICE("/k"), .has_body = true, .body = {value, sizeof(value)}};
    struct transfer_request get = {.method = "GET", .target = SLICE("/k")};
    struct transfer_answer answer;
    size_t left = sizeof(value) + 1;

    (void)state;
    assert_int_equal(transfer_ask(transfer, &put, &answer), LARDER_OK);
    assert_int_equal(transfer_stream(transfer, &get, -1, take_piece, &left, &answer), LARDER_OK);
    assert_int_equal(left, 1);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, 0);
    left = 10; /* enough after the first piece */
    assert_int_equal(transfer_stream(transfer, &get, -1, take_piece, &left, &answer), LARDER_OK);
    assert_int_equal(left, 0);
    get.target = SLICE("/other");
    assert_int_equal(transfer_stream(transfer, &get, -1, take_piece, &left, &answer), LARDER_OK);
    assert_int_equal(answer.status, 404);
    assert_true(slice_equal(answer.body, SLICE("{}")));
    transfer_close(transfer);
    toy_server_free(server);
}

static enum larder_error ask_once(const struct address *address, int64_t timeout_ns) {
    const struct transfer_request get = {.method = "GET", .target = SLICE("/k")};
    struct transfer *transfer;
    struct transfer_answer answer;
    enum larder_error error;

    assert_int_equal(transfer_open(address, NULL, timeout_ns, &transfer), LARDER_OK);
    error = transfer_ask(transfer, &get, &answer);
    transfer_close(transfer);
    return error;
}

/* A socket that nobody accepts on: connecting works, an answer never comes. */
static int listen_in_silence(struct address *ret_address) {
    const struct address any = {.kind = ADDRESS_IPV4, .host = "127.0.0.1"};
    struct endpoint endpoint;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(endpoint_local(&any, &endpoint), LARDER_OK);
    assert_int_equal(bind(fd, (struct sockaddr *)&endpoint.storage, endpoint.size), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&endpoint.storage, &endpoint.size), 0);
    endpoint_address(&endpoint, ret_address);
    return fd;
}

static void what_goes_wrong_has_a_name(void **state) {
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);
    struct address address = *toy_server_address(server);
    struct address silent;
    int fd = listen_in_silence(&silent);

    (void)state;
    assert_int_equal(ask_once(&silent, 20 * CLOCK_NS_PER_MS), LARDER_ERROR_TIMEOUT);
    close(fd);
    toy_server_free(server);
    assert_int_equal(ask_once(&address, 10 * CLOCK_NS_PER_S), LARDER_ERROR_REFUSED);
    address = (struct address){.kind = ADDRESS_UNIX, .host = "/nowhere/socket"};
    assert_int_equal(ask_once(&address, 10 * CLOCK_NS_PER_S), LARDER_ERROR_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_keeps_every_byte),
        cmocka_unit_test(a_target_has_a_limit),
        cmocka_unit_test(events_are_read_cut_anywhere),
        cmocka_unit_test(the_receiver_may_have_had_enough),
        cmocka_unit_test(requests_come_back_with_their_answers),
        cmocka_unit_test(a_stream_is_handed_on_as_it_comes),
        cmocka_unit_test(what_goes_wrong_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
