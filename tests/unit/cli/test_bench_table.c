/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/table/plan.h"
#include "cli/bench/table/scale.h"
#include "cli/bench/table/svg.h"

static struct table_config config;

static enum options_outcome read_line(const char *line) {
    static char copy[512];
    char *argv[16] = {NULL};
    int argc = 0;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return table_config_read(argc, argv, &config);
}

static void the_page_is_etcds(void **state) {
    static const struct table_row page[] = {
        {ETCD_PUT, 10000, 1, 1, true, false},         {ETCD_PUT, 100000, 100, 1000, true, false},
        {ETCD_PUT, 100000, 100, 1000, false, false},  {ETCD_RANGE, 10000, 1, 1, false, false},
        {ETCD_RANGE, 10000, 1, 1, false, true},       {ETCD_RANGE, 100000, 100, 1000, false, false},
        {ETCD_RANGE, 100000, 100, 1000, false, true},
    };
    struct table_row rows[TABLE_ROWS_MAX];

    (void)state;
    assert_int_equal(read_line("table"), OPTIONS_DONE);
    assert_int_equal(config.target.count, 1);
    assert_int_equal(config.target.addresses[0].port, 2379);
    assert_int_equal(table_plan(&config, rows), TABLE_ROWS_MAX);
    for (size_t i = 0; i < TABLE_ROWS_MAX; i++) {
        assert_int_equal(rows[i].kind, page[i].kind);
        assert_int_equal(rows[i].total, page[i].total);
        assert_int_equal(rows[i].conns, page[i].conns);
        assert_int_equal(rows[i].clients, page[i].clients);
        assert_int_equal(rows[i].leader_only, page[i].leader_only);
        assert_int_equal(rows[i].serializable, page[i].serializable);
    }
    assert_int_equal(table_plan_key_size(&config), 8);
    assert_int_equal(table_plan_keys(&config), 100000);
}

static void a_part_is_scaled_and_never_empty(void **state) {
    struct table_row rows[TABLE_ROWS_MAX];

    (void)state;
    assert_int_equal(read_line("table --scale 0.00001 --only reads"), OPTIONS_DONE);
    assert_int_equal(table_plan(&config, rows), 4);
    assert_int_equal(rows[0].total, 1);
    assert_int_equal(rows[3].total, 1);
    assert_int_equal(table_plan_keys(&config), 1);
    assert_int_equal(read_line("table --scale 0.5 --only writes"), OPTIONS_DONE);
    assert_int_equal(table_plan(&config, rows), 3);
    assert_int_equal(rows[0].total, 5000);
}

/* Writes leave exactly the keys that reads draw from, and no two numbers have the same digits. */
static void a_row_is_a_load_of_the_generator(void **state) {
    struct table_row rows[TABLE_ROWS_MAX];
    struct etcd_config load;

    (void)state;
    assert_int_equal(read_line("table --seed 9 --key-prefix x --threads 4"), OPTIONS_DONE);
    assert_int_equal(table_plan(&config, rows), TABLE_ROWS_MAX);
    table_plan_load(&config, &rows[0], &load);
    assert_int_equal(load.threads, 1); /* as many as connections */
    assert_int_equal(load.key_space, 10000);
    assert_int_equal(load.key_size, 7);
    assert_true(load.sequential && load.target_leader && !load.all_there);
    table_plan_load(&config, &rows[6], &load);
    assert_int_equal(load.threads, 4);
    assert_int_equal(load.key_space, table_plan_keys(&config));
    assert_int_equal(load.value_size, 256);
    assert_int_equal(load.seed, 9);
    assert_true(load.all_there && load.serializable && !load.sequential && !load.target_leader);
    assert_int_equal(read_line("table --key-prefix long/prefix/"), OPTIONS_DONE);
    assert_int_equal(table_plan_key_size(&config), 12 + 5);
}

static void rows_are_told_in_words(void **state) {
    struct table_row rows[TABLE_ROWS_MAX];
    char text[TABLE_ROW_TEXT_MAX];

    (void)state;
    assert_int_equal(read_line("table"), OPTIONS_DONE);
    table_plan(&config, rows);
    assert_string_equal(table_plan_describe(&rows[0], text), "1 client, leader only");
    assert_string_equal(table_plan_describe(&rows[2], text), "1,000 clients, all members");
    assert_string_equal(table_plan_describe(&rows[6], text), "1,000 clients, serializable");
}

static void axes_have_whole_decades(void **state) {
    struct scale scale;
    char text[SCALE_TEXT_MAX];

    (void)state;
    scale_init(&scale);
    scale_include(&scale, 0.0); /* passed over */
    scale_include(&scale, 1848.0);
    scale_include(&scale, 365048.0);
    scale_finish(&scale);
    assert_int_equal(scale.first, 3);
    assert_int_equal(scale.last, 6);
    assert_int_equal((int)(3000 * scale_place(&scale, 1000.0) + 0.5), 0);
    assert_int_equal((int)(3000 * scale_place(&scale, 10000.0) + 0.5), 1000);
    scale_init(&scale);
    scale_include(&scale, 10.0); /* one decade at least */
    scale_finish(&scale);
    assert_int_equal(scale.last, scale.first + 1);
    scale_init(&scale);
    scale_finish(&scale);
    assert_int_equal(scale.first, 0);
    assert_int_equal(scale.last, 1);
    assert_string_equal(scale_tick(-2, text), "0.01");
    assert_string_equal(scale_tick(0, text), "1");
    assert_string_equal(scale_tick(4, text), "10k");
    assert_string_equal(scale_tick(7, text), "10M");
}

static void texts_of_a_picture_are_escaped(void **state) {
    const struct svg_font font = {10, "#000000", 400, SVG_END};
    char *bytes;
    size_t size;
    FILE *to = open_memstream(&bytes, &size);

    (void)state;
    assert_non_null(to);
    svg_text(to, 1, 2, &font, "a<b>&\x01\n\xc3\xa9");
    svg_text(to, 1, 2, &font, "no utf-8: \xff");
    fclose(to);
    assert_non_null(
        strstr(bytes, ">a&lt;b&gt;&amp;?\?\?\?</text>")); /* a control byte: no byte above ASCII is trusted */
    assert_non_null(strstr(bytes, ">no utf-8: ?</text>"));
    assert_non_null(strstr(bytes, "text-anchor=\"end\""));
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_etcds),
        cmocka_unit_test(a_part_is_scaled_and_never_empty),
        cmocka_unit_test(a_row_is_a_load_of_the_generator),
        cmocka_unit_test(rows_are_told_in_words),
        cmocka_unit_test(axes_have_whole_decades),
        cmocka_unit_test(texts_of_a_picture_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
