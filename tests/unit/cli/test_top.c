/* SPDX-License-Identifier: Apache-2.0 */
/* What `larder top` makes of what the nodes tell, and how it draws it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/top/draw.h"

static const struct terminal paper = {.bold = "", .dim = "", .red = "", .yellow = "", .green = "", .plain = ""};
static const struct terminal glass = {
    .is_terminal = true, .bold = "<b>", .dim = "<d>", .red = "<r>", .yellow = "<y>", .green = "<g>", .plain = "<p>"};

static json_t *json_of(const char *text) {
    json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);

    assert_non_null(json);
    return json;
}

static void add(struct top_keys *keys, const char *text) {
    json_t *answer = json_of(text);

    top_keys_add(keys, answer);
    json_decref(answer);
}

static void check_keys(const struct top_screen *screen, const struct top_keys *keys, const char *expected) {
    struct top_screen s = *screen;
    char *text = NULL;
    size_t size = 0;

    s.to = open_memstream(&text, &size);
    assert_non_null(s.to);
    top_draw_keys(&s, keys);
    fclose(s.to);
    assert_string_equal(text, expected);
    free(text);
}

static void check_json(json_t *json, const char *expected) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void a_key_of_two_nodes_is_one(void **state) {
    struct top_keys keys = {0};

    (void)state;
    add(&keys, "{\"hot_rate\":100,\"rate\":1000,\"keys\":["
               "{\"key\":\"a\",\"group\":\"g\",\"owner\":\"n1\",\"rate\":150.0,\"hot\":true},"
               "{\"key\":\"YQ==\",\"group\":\"g\",\"owner\":\"n1\",\"rate\":24,\"hot\":false}]}");
    add(&keys,
        "{\"hot_rate\":100,\"rate\":600,\"keys\":["
        "{\"key\":\"b\",\"group\":\"g\",\"owner\":\"n2\",\"rate\":90,\"hot\":false},"
        "{\"key\":\"a\",\"group\":\"g\",\"owner\":\"n1\",\"rate\":10,\"hot\":false},"
        "{\"key\":\"YQ==\",\"key_encoding\":\"base64\",\"group\":\"g\",\"owner\":null,\"rate\":5,\"hot\":false}]}");
    top_keys_sum(&keys, 10);
    assert_int_equal(keys.count, 4); /* what is in base64 is another key than what looks like it */
    check_keys(&(struct top_screen){.terminal = &paper, .rows = 3, .nodes = 2}, &keys,
               "2 nodes, 1,600 requests/s, hot from 100\n"
               "    RATE/S  SHARE %  OWNER  KEY\n"
               "       160     10.0  n1     a\n"
               "      90.0      5.6  n2     b\n"
               "      24.0      1.5  n1     YQ==\n");
    top_keys_sum(&keys, 1);
    check_json(top_keys_json(&keys), "{\"hot_rate\":100.0,\"keys\":[{\"group\":\"g\",\"hot\":true,\"key\":\"a\","
                                     "\"owner\":\"n1\",\"rate\":160.0,\"share\":0.1}],\"rate\":1600.0}");
    top_keys_fini(&keys);
}

static void a_key_cannot_steer_the_terminal(void **state) {
    struct top_keys keys = {0};

    (void)state;
    add(&keys, "{\"hot_rate\":10,\"rate\":100,\"keys\":["
               "{\"key\":\"\\u001b[2J\\u0000 x\",\"group\":\"g\",\"rate\":50,\"hot\":true},"
               "{\"key\":\"/wA=\",\"key_encoding\":\"base64\",\"group\":\"g\",\"rate\":9,\"hot\":false}]}");
    top_keys_sum(&keys, 10);
    check_keys(&(struct top_screen){.terminal = &paper, .rows = 10, .nodes = 1}, &keys,
               "1 node, 100 requests/s, hot from 10\n"
               "    RATE/S  SHARE %  KEY\n"
               "      50.0     50.0  \\x1b[2J\\x00\\x20x\n"
               "       9.0      9.0  \\xff\\x00\n");
    top_keys_fini(&keys);
}

static void lines_end_where_the_terminal_does(void **state) {
    json_t *missing = json_of("[\"n3\"]");
    struct top_keys keys = {0};

    (void)state;
    add(&keys, "{\"hot_rate\":10,\"rate\":100,\"keys\":["
               "{\"key\":\"images/a-long-name-of-a-key\",\"group\":\"g\",\"rate\":50,\"hot\":true},"
               "{\"key\":\"images/short\",\"group\":\"g\",\"rate\":9,\"hot\":false}]}");
    top_keys_sum(&keys, 10);
    check_keys(
        &(struct top_screen){.terminal = &glass, .rows = 10, .nodes = 1, .width = 34, .live = true, .missing = missing},
        &keys,
        "\033[H<b>1 node, 100 requests/s, hot fro...<p>\033[K\n"
        "<r>n3 does not answer: what its cl...<p>\033[K\n"
        "<d>    RATE/S  SHARE %  KEY<p>\033[K\n"
        "<y>      50.0     50.0  images/a-l...<p>\033[K\n"
        "       9.0      9.0  images/short\033[K\n\033[J");
    top_keys_fini(&keys);
    json_decref(missing);
}

static void nothing_is_said_to_be_nothing(void **state) {
    struct top_keys keys = {0};

    (void)state;
    add(&keys, "{\"hot_rate\":0,\"rate\":0,\"keys\":[]}");
    add(&keys, "[\"of another form\"]");
    add(&keys, "{\"keys\":[5,{\"key\":7}]}");
    top_keys_sum(&keys, 10);
    check_keys(&(struct top_screen){.terminal = &paper, .rows = 10, .nodes = 1}, &keys,
               "1 node, 0.0 requests/s\nnobody counts: the option hot-rate is 0\n");
    top_keys_fini(&keys);
    add(&keys, "{\"hot_rate\":5,\"rate\":1,\"keys\":[]}");
    top_keys_sum(&keys, 10);
    check_keys(&(struct top_screen){.terminal = &paper, .rows = 10, .nodes = 1}, &keys,
               "1 node, 1.0 requests/s, hot from 5\n    RATE/S  SHARE %  KEY\n"
               "no key is asked for so often that it stands out\n");
    top_keys_fini(&keys);
}

/* --- groups --- */

#define GROUP(name, requests, hits, misses)                                                                            \
    "{\"name\":\"" name "\",\"requests\":999999,\"clients\":{\"requests\":" #requests ",\"hits\":" #hits               \
    ",\"misses\":" #misses "}}"

static void groups_are_what_happened_between(void **state) {
    /* n2 has begun anew, n3 is new. */
    struct top_look before = {.answers = json_of("{\"n1\":{\"groups\":[" GROUP("default", 100, 50, 50) "," GROUP(
                                  "img", 10, 5, 5) "]},"
                                                   "\"n2\":{\"groups\":[" GROUP("img", 5000, 5000, 0) "]}}"),
                              .at_ns = 10 * CLOCK_NS_PER_S};
    struct top_look after = {
        .answers = json_of("{\"n1\":{\"groups\":[" GROUP("default", 100, 50, 50) "," GROUP(
            "img", 410, 305,
            105) "]},"
                 "\"n2\":{\"groups\":[" GROUP("img", 3, 2, 1) "]},"
                                                              "\"n3\":{\"groups\":[" GROUP("img", 700, 700, 0) "]}}"),
        .at_ns = 12 * CLOCK_NS_PER_S};
    struct top_screen screen = {.terminal = &paper, .rows = 10, .nodes = 3};
    struct top_groups groups;
    char *text = NULL;
    size_t size = 0;

    (void)state;
    top_groups_between(&before, &after, &groups);
    screen.to = open_memstream(&text, &size);
    top_draw_groups(&screen, &groups);
    fclose(screen.to);
    assert_string_equal(text, "3 nodes, 200 requests/s\n"
                              "    RATE/S  SHARE %  HITS %  GROUP\n"
                              "       200    100.0    75.0  img\n"
                              "       0.0      0.0       -  default\n");
    free(text);
    check_json(top_groups_json(&groups),
               "{\"groups\":[{\"hit_ratio\":0.75,\"name\":\"img\",\"rate\":200.0,\"share\":1.0},"
               "{\"hit_ratio\":null,\"name\":\"default\",\"rate\":0.0,\"share\":0.0}],\"rate\":200.0}");
    top_groups_fini(&groups);
    json_decref(before.answers);
    json_decref(after.answers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_two_nodes_is_one),         cmocka_unit_test(a_key_cannot_steer_the_terminal),
        cmocka_unit_test(lines_end_where_the_terminal_does), cmocka_unit_test(nothing_is_said_to_be_nothing),
        cmocka_unit_test(groups_are_what_happened_between),
    };

    return cmocka_run_group_tests_name("larder top", tests, NULL, NULL);
}
