/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

/* Values that are read straight into the table's memory. */
enum { LARGE = 20000 };

static const struct harness_config small_node = {
    .memory = 4 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 256 << 10};

static char value_byte(size_t at) {
    return at % 97 == 0 ? '\n' : (char)('a' + at % 23);
}

static struct buf store_line(const char *line, size_t size, const char *tail) {
    struct buf b;

    buf_init(&b, 8 << 20);
    harness_must(buf_append(&b, line, strlen(line)) == LARDER_OK && buf_reserve(&b, size) == LARDER_OK);
    for (size_t i = 0; i < size; i++) {
        b.data[b.size++] = value_byte(i);
    }
    harness_must(buf_append(&b, tail, strlen(tail)) == LARDER_OK);
    return b;
}

static uint64_t large_bytes(struct harness *h) {
    struct table_stats stats;

    table_get_stats(&h->table, &stats);
    return stats.memory_large;
}

static void heard_value(struct client *c, const char *head, size_t size, const char *tail) {
    assert_int_equal(c->heard.size, strlen(head) + size + strlen(tail));
    assert_memory_equal(c->heard.data, head, strlen(head));
    for (size_t i = 0; i < size; i++) {
        if (c->heard.data[strlen(head) + i] != value_byte(i)) {
            fail_msg("byte %zu of the value is wrong", i);
        }
    }
    assert_memory_equal(c->heard.data + strlen(head) + size, tail, strlen(tail));
    c->heard.size = 0;
}

static void a_large_value_may_be_split_anywhere(void **state) {
    struct buf says = store_line("set k 5 0 20000\r\n", LARGE, "\r\nget k\r\n");
    struct harness h;

    (void)state;
    harness_init(&h, &small_node);
    for (size_t at = 0; at <= says.size; at++) {
        struct client c;

        if (at == 100) {
            at = says.size - 100;
        }
        client_init(&c, &h);
        client_say(&c, says.data, at);
        client_say(&c, says.data + at, says.size - at);
        heard_value(&c, "STORED\r\nVALUE k 5 20000\r\n", LARGE, "\r\nEND\r\n");
        client_fini(&c);
    }
    buf_fini(&says);
    harness_fini(&h);
}

/* The cas counts writes that took effect, also when the value came in pieces or never came whole. */
static void a_value_in_pieces_takes_one_cas(void **state) {
    struct buf says = store_line("set k 0 0 20000\r\n", LARGE, "\r\n");
    struct harness h;
    struct client c;
    struct client gone;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&gone, &h);
    client_say(&gone, says.data, says.size / 2);
    client_fini(&gone);
    client_init(&c, &h);
    client_say(&c, says.data, says.size / 2);
    client_say(&c, says.data + says.size / 2, says.size - says.size / 2);
    client_say_text(&c, "mg k c\r\n");
    heard_value(&c, "STORED\r\nHD c1\r\n", 0, "");
    client_say(&c, says.data, says.size);
    client_say_text(&c, "mg k c\r\n");
    heard_value(&c, "STORED\r\nHD c2\r\n", 0, "");
    client_fini(&c);
    buf_fini(&says);
    harness_fini(&h);
}

static void several_large_values_in_one_breath(void **state) {
    struct buf one = store_line("set k 0 0 20000\r\n", LARGE, "\r\nmn\r\nget k\r\n");
    struct harness h;
    struct client c;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&c, &h);
    for (size_t piece = 4093; piece <= one.size; piece += 4099) {
        for (size_t at = 0; at < one.size; at += piece) {
            client_say(&c, one.data + at, one.size - at < piece ? one.size - at : piece);
        }
        heard_value(&c, "STORED\r\nMN\r\nVALUE k 0 20000\r\n", LARGE, "\r\nEND\r\n");
    }
    client_fini(&c);
    buf_fini(&one);
    harness_fini(&h);
}

static void a_large_value_with_a_bad_end_stores_nothing(void **state) {
    struct buf says = store_line("set k 0 0 20000\r\n", LARGE, "xymn\r\nmn\r\n");
    struct harness h;
    struct client c;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&c, &h);
    client_say(&c, says.data, 1000);
    client_say(&c, says.data + 1000, says.size - 1000);
    assert_int_equal(buf_append(&c.heard, "", 1), LARDER_OK);
    assert_ptr_equal(strstr(c.heard.data, "CLIENT_ERROR bad data chunk\r\n"), c.heard.data);
    assert_non_null(strstr(c.heard.data, "MN\r\n"));
    c.heard.size = 0;
    assert_int_equal(large_bytes(&h), 0);
    client_say_text(&c, "get k\r\n");
    assert_memory_equal(c.heard.data, "END\r\n", 5);
    client_fini(&c);
    buf_fini(&says);
    harness_fini(&h);
}

static void every_way_to_store_takes_a_large_value(void **state) {
    static const struct {
        const char *line;
        const char *answer;
        size_t size; /* of k afterwards */
    } steps[] = {
        {"replace k 0 0 20000\r\n", "NOT_STORED\r\n", 0},
        {"append k 0 0 20000\r\n", "NOT_STORED\r\n", 0},
        {"cas k 0 0 20000 1\r\n", "NOT_FOUND\r\n", 0},
        {"add k 0 0 20000\r\n", "STORED\r\n", LARGE},
        {"add k 0 0 20000\r\n", "NOT_STORED\r\n", LARGE},
        {"cas k 0 0 20000 999\r\n", "EXISTS\r\n", LARGE},
        {"replace k 0 0 20000\r\n", "STORED\r\n", LARGE},
        {"append k 0 0 20000\r\n", "STORED\r\n", 2 * LARGE},
        {"prepend k 0 0 20000\r\n", "STORED\r\n", 3 * LARGE},
        {"ms k 20000\r\n", "HD\r\n", LARGE},
        {"ms k 20000 MA q\r\n", "", 2 * LARGE},
        {"ms k 20000 C1\r\n", "EX\r\n", 2 * LARGE},
        {"ms aw== 20000 b\r\n", "HD\r\n", LARGE},
        {"set k 0 0 20000 noreply\r\n", "", LARGE},
    };
    struct harness h;
    struct client c;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&c, &h);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf says = store_line(steps[i].line, LARGE, "\r\n");
        char head[64];

        client_say(&c, says.data, 5000);
        client_say(&c, says.data + 5000, says.size - 5000);
        assert_int_equal(c.heard.size, strlen(steps[i].answer));
        assert_memory_equal(c.heard.data, steps[i].answer, c.heard.size);
        c.heard.size = 0;
        client_say_text(&c, "get k\r\n");
        if (steps[i].size == 0) {
            assert_memory_equal(c.heard.data, "END\r\n", 5);
        } else {
            snprintf(head, sizeof(head), "VALUE k 0 %zu\r\n", steps[i].size);
            assert_int_equal(c.heard.size, strlen(head) + steps[i].size + 7);
            assert_memory_equal(c.heard.data, head, strlen(head));
            for (size_t at = 0; at < steps[i].size; at++) {
                assert_int_equal(c.heard.data[strlen(head) + at], value_byte(at % LARGE));
            }
        }
        c.heard.size = 0;
        buf_fini(&says);
    }
    client_say_text(&c, "delete k\r\n");
    assert_int_equal(large_bytes(&h), 0);
    client_fini(&c);
    harness_fini(&h);
}

static void an_end_in_the_middle_gives_the_bytes_back(void **state) {
    struct buf says = store_line("set k 0 0 20000\r\n", LARGE, "\r\n");
    struct harness h;

    (void)state;
    harness_init(&h, &small_node);
    for (size_t at = 1; at < says.size; at += at < 30 || at > says.size - 10 ? 1 : 3000) {
        struct client c;

        client_init(&c, &h);
        client_say(&c, says.data, at);
        assert_true(at < 18 || large_bytes(&h) > 0);
        client_fini(&c);
        assert_int_equal(large_bytes(&h), 0);
    }
    buf_fini(&says);
    harness_fini(&h);
}

/* The reader is slow: its value was deleted, flushed and overwritten while it lay in the outbox. */
static void a_slow_reader_gets_the_value_it_asked_for(void **state) {
    struct buf says = store_line("set k 0 0 20000\r\n", LARGE, "\r\nget k\r\nget k\r\n");
    struct harness h;
    struct client slow;
    struct client other;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&slow, &h);
    client_init(&other, &h);
    slow.deaf = true;
    client_say(&slow, says.data, says.size);
    client_say_text(&other, "append k 0 0 3\r\nxxx\r\ndelete k\r\nset k 0 0 1\r\nx\r\nflush_all\r\n");
    assert_true(large_bytes(&h) >= LARGE);
    slow.deaf = false;
    slow.take = 777;
    client_pump(&slow);
    assert_int_equal(slow.heard.size, 8 + 2 * (17 + LARGE + 7));
    for (size_t i = 0; i < LARGE; i++) {
        assert_int_equal(slow.heard.data[8 + 17 + i], value_byte(i));
        assert_int_equal(slow.heard.data[8 + 17 + LARGE + 7 + 17 + i], value_byte(i));
    }
    assert_int_equal(large_bytes(&h), 0);
    client_fini(&other);
    client_fini(&slow);
    buf_fini(&says);
    harness_fini(&h);
}

static void an_end_with_unsent_values_gives_them_back(void **state) {
    struct buf says = store_line("set k 0 0 20000\r\n", LARGE, "\r\nget k\r\ndelete k\r\n");
    struct harness h;
    struct client c;

    (void)state;
    harness_init(&h, &small_node);
    client_init(&c, &h);
    c.deaf = true;
    client_say(&c, says.data, says.size);
    assert_true(large_bytes(&h) >= LARGE);
    client_fini(&c);
    assert_int_equal(large_bytes(&h), 0);
    buf_fini(&says);
    harness_fini(&h);
}

/* Half-open writers hold all the room there is: others are refused, not stuck, and all is well when they leave. */
static void values_that_never_come_do_not_wedge_the_table(void **state) {
    enum { WRITERS = 8 };
    static char value[1000001];
    struct harness h;
    struct client writers[WRITERS];
    struct client c;
    int refused = 0;

    (void)state;
    harness_init(&h, &small_node);
    for (int i = 0; i < WRITERS; i++) {
        client_init(&writers[i], &h);
        client_say_text(&writers[i], "set w 0 0 1000000\r\nbegin");
        refused += writers[i].heard.size > 0;
        if (writers[i].heard.size > 0) {
            assert_memory_equal(writers[i].heard.data, "SERVER_ERROR out of memory storing object\r\n", 43);
        }
    }
    assert_in_range(refused, 1, WRITERS - 1);
    assert_int_equal(harness_counter(&h, COUNTER_LIMIT_MEMORY), refused);
    for (int i = 0; i < WRITERS; i++) {
        client_fini(&writers[i]);
    }
    assert_int_equal(large_bytes(&h), 0);
    client_init(&c, &h);
    client_say_text(&c, "set w 0 0 1000000\r\n");
    client_say(&c, value, 1000000);
    client_say_text(&c, "\r\n");
    assert_memory_equal(c.heard.data, "STORED\r\n", 8);
    client_fini(&c);
    harness_fini(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_value_may_be_split_anywhere),
        cmocka_unit_test(a_value_in_pieces_takes_one_cas),
        cmocka_unit_test(several_large_values_in_one_breath),
        cmocka_unit_test(a_large_value_with_a_bad_end_stores_nothing),
        cmocka_unit_test(every_way_to_store_takes_a_large_value),
        cmocka_unit_test(an_end_in_the_middle_gives_the_bytes_back),
        cmocka_unit_test(a_slow_reader_gets_the_value_it_asked_for),
        cmocka_unit_test(an_end_with_unsent_values_gives_them_back),
        cmocka_unit_test(values_that_never_come_do_not_wedge_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
