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
#include "proto/grpc/bucket.h"
#include "proto/grpc/limits.h"
#include "proto/grpc/memory.h"
#include "proto/grpc/percent.h"
#include "proto/grpc/queue.h"
#include "proto/grpc/reader.h"
#include "proto/grpc/timeout.h"

/* --- percent.h --- */

static void assert_encodes(const char *text, const char *encoded) {
    char to[100];
    char back[100];
    size_t size = grpc_percent_encode(slice_from_string(text), to);

    assert_int_equal(size, strlen(encoded));
    assert_memory_equal(to, encoded, size);
    assert_int_equal(grpc_percent_decode(slice_make(to, size), back), strlen(text));
    assert_memory_equal(back, text, strlen(text));
}

static void texts_are_encoded(void **state) {
    (void)state;
    assert_encodes("", "");
    assert_encodes("etcdserver: key not found ~", "etcdserver: key not found ~");
    assert_encodes("100%", "100%25");
    assert_encodes("a\r\n\t\x7f", "a%0D%0A%09%7F");
    assert_encodes("\xc3\xa9\xff", "%C3%A9%FF");
}

static void broken_codes_stand_for_themselves(void **state) {
    static const char *const broken[] = {"%", "%2", "a%", "%zz", "%2g%", "%%41"};
    char text[100];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(grpc_percent_decode(slice_from_string(broken[i]), text), strlen(broken[i]));
        assert_memory_equal(text, broken[i], strlen(broken[i]));
    }
    assert_int_equal(grpc_percent_decode(slice_from_string(broken[5]), text), 2);
    assert_memory_equal(text, "%A", 2);
    assert_int_equal(grpc_percent_decode(SLICE("%c3%A9"), text), 2);
}

/* --- timeout.h --- */

static void assert_timeout(const char *text, int64_t ns) {
    int64_t read = 0;

    assert_true(grpc_timeout_parse(slice_from_string(text), &read));
    assert_int_equal(read, ns);
}

static void timeouts_are_read(void **state) {
    static const char *const bad[] = {"", "1", "S", "1s", "1 S", "+1S", "123456789S", "0x1S", "1SS", "1h"};
    int64_t ns = 42;

    (void)state;
    assert_timeout("1n", 1);
    assert_timeout("20u", 20000);
    assert_timeout("300m", 300000000);
    assert_timeout("5S", 5 * CLOCK_NS_PER_S);
    assert_timeout("2M", 120 * CLOCK_NS_PER_S);
    assert_timeout("1H", 3600 * CLOCK_NS_PER_S);
    assert_timeout("00000007S", 7 * CLOCK_NS_PER_S);
    assert_timeout("0S", 1);
    assert_timeout("99999999H", INT64_MAX);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(grpc_timeout_parse(slice_from_string(bad[i]), &ns));
    }
    assert_int_equal(ns, 42);
}

static void assert_formats(int64_t ns, const char *text) {
    char to[GRPC_TIMEOUT_MAX];
    int64_t back;
    size_t size = grpc_timeout_format(ns, to);

    assert_int_equal(size, strlen(text));
    assert_memory_equal(to, text, size);
    assert_true(grpc_timeout_parse(slice_make(to, size), &back));
    assert_true(back >= ns);
}

static void timeouts_are_written(void **state) {
    (void)state;
    assert_formats(1, "1n");
    assert_formats(99999999, "99999999n");
    assert_formats(100000000, "100000u");
    assert_formats(100000001, "100001u");
    assert_formats(5 * CLOCK_NS_PER_S, "5000000u");
    assert_formats(3600 * CLOCK_NS_PER_S, "3600000m");
    assert_formats(INT64_MAX, "2562048H");
}

/* --- bucket.h --- */

static void buckets_refill(void **state) {
    struct grpc_bucket bucket;
    int64_t now = 1000;

    (void)state;
    grpc_bucket_init(&bucket, 3, 10, now);
    for (int i = 0; i < 3; i++) {
        assert_true(grpc_bucket_take(&bucket, now));
    }
    assert_false(grpc_bucket_take(&bucket, now));
    assert_false(grpc_bucket_take(&bucket, now + CLOCK_NS_PER_S / 10 - 1));
    assert_true(grpc_bucket_take(&bucket, now + CLOCK_NS_PER_S / 10));
    assert_false(grpc_bucket_take(&bucket, now + CLOCK_NS_PER_S / 10 * 2 - 1));
    now += 3600 * CLOCK_NS_PER_S;
    for (int i = 0; i < 3; i++) {
        assert_true(grpc_bucket_take(&bucket, now));
    }
    assert_false(grpc_bucket_take(&bucket, now));
}

/* --- reader.h --- */

/* Messages of many sizes, in pieces of every size; each comes out as it went in. */
static void messages_are_put_together(void **state) {
    static const size_t sizes[] = {0, 1, 4, 5, 6, 255, 256, 257, 5000, 0, 0, 70, 9000};
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]), MOST = 9000 };
    static char all[20000];
    size_t total = 0;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        const char prefix[GRPC_PREFIX_SIZE] = {0, 0, 0, (char)(sizes[i] >> 8), (char)sizes[i]};

        memcpy(all + total, prefix, sizeof(prefix));
        memset(all + total + GRPC_PREFIX_SIZE, (int)i + 1, sizes[i]);
        total += GRPC_PREFIX_SIZE + sizes[i];
    }
    for (size_t step = 1; step <= total; step += step < 300 ? 1 : 97) {
        struct grpc_reader reader;
        unsigned count = 0;

        grpc_reader_init(&reader);
        for (size_t at = 0; at < total; at += step) {
            struct slice input = slice_make(all + at, total - at < step ? total - at : step);
            struct slice message;

            while (grpc_reader_next(&reader, &input, MOST, MOST, &message) == GRPC_READ_MESSAGE) {
                assert_int_equal(message.size, sizes[count]);
                count++;
                for (size_t i = 0; i < message.size; i++) {
                    assert_int_equal(message.data[i], count);
                }
            }
            assert_int_equal(input.size, 0);
        }
        assert_int_equal(count, COUNT);
        assert_false(grpc_reader_is_inside(&reader));
        grpc_reader_fini(&reader);
    }
}

static void a_whole_message_is_not_copied(void **state) {
    static const char bytes[] = "\0\0\0\0\3abc";
    struct slice input = slice_make(bytes, 8);
    struct grpc_reader reader;
    struct slice message;

    (void)state;
    grpc_reader_init(&reader);
    assert_int_equal(grpc_reader_next(&reader, &input, 10, 10, &message), GRPC_READ_MESSAGE);
    assert_ptr_equal(message.data, bytes + GRPC_PREFIX_SIZE);
    assert_null(reader.partial.data);
    grpc_reader_fini(&reader);
}

static void memory_for_messages_has_a_ceiling(void **state) {
    struct slice input = slice_make("\0\0\0\1\0abc", 8);
    struct grpc_reader reader;
    struct slice message;

    (void)state;
    grpc_reader_init(&reader);
    assert_int_equal(grpc_reader_next(&reader, &input, 1000, 2, &message), GRPC_READ_NO_MEMORY);
    grpc_reader_fini(&reader);
}

/* --- queue.h --- */

static void queues_keep_the_order(void **state) {
    struct grpc_queue *queue = malloc(sizeof(*queue));
    uint32_t random = 1;
    unsigned char in = 0;
    unsigned char out = 0;

    (void)state;
    grpc_queue_init(queue);
    for (int i = 0; i < 20000; i++) {
        struct slice waiting;
        size_t size;
        char *message;

        random = random * 1664525 + 1013904223;
        size = (random >> 16) % (i % 1000 == 0 ? 100000 : 300);
        message = grpc_queue_message(queue, size, SIZE_MAX / 2);
        assert_non_null(message);
        /* The prefix is checked by what it adds: every byte of the queue becomes a count. */
        assert_int_equal((unsigned char)message[-1], size & 255);
        for (size_t b = 0; b < size + GRPC_PREFIX_SIZE; b++) {
            message[(long)b - GRPC_PREFIX_SIZE] = (char)in++;
        }
        waiting = grpc_queue_waiting(queue);
        size = waiting.size * ((random >> 8) % 11) / 10;
        for (size_t b = 0; b < size; b++) {
            assert_int_equal((unsigned char)waiting.data[b], out);
            out++;
        }
        grpc_queue_sent(queue, size);
    }
    grpc_queue_sent(queue, grpc_queue_waiting(queue).size);
    assert_true(grpc_queue_memory(queue) <= 16384);
    grpc_queue_fini(queue);
    free(queue);
}

static void queues_have_a_ceiling(void **state) {
    struct grpc_queue *queue = malloc(sizeof(*queue));

    (void)state;
    grpc_queue_init(queue);
    assert_non_null(grpc_queue_message(queue, GRPC_QUEUE_INLINE - GRPC_PREFIX_SIZE, 1000));
    assert_int_equal(grpc_queue_memory(queue), 0);
    assert_null(grpc_queue_message(queue, 1000, 1000));
    assert_int_equal(grpc_queue_waiting(queue).size, GRPC_QUEUE_INLINE);
    assert_non_null(grpc_queue_message(queue, 400, 1000));
    assert_null(grpc_queue_message(queue, 100, 1000));
    assert_null(grpc_queue_message(queue, SIZE_MAX, SIZE_MAX));
    grpc_queue_fini(queue);
    free(queue);
}

/* --- memory.h --- */

static void memory_is_counted(void **state) {
    struct grpc_memory memory = {.limit = 20000};
    nghttp2_mem mem = grpc_memory_interface(&memory);
    void *blocks[100];
    size_t before = 0;
    char *moved;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            blocks[i] = i % 2 == 0 ? mem.malloc(i, &memory) : mem.calloc(1, i, &memory);
            assert_non_null(blocks[i]);
            memset(blocks[i], 'x', i);
        }
        assert_true(memory.bytes >= 99 * 100 / 2);
        for (size_t i = 0; i < 100; i++) {
            mem.free(blocks[i], &memory);
        }
        assert_true(round == 0 || memory.bytes == before); /* the same blocks again */
        before = memory.bytes;
    }
    moved = mem.realloc(NULL, 10, &memory);
    memcpy(moved, "0123456789", 10);
    moved = mem.realloc(moved, 5000, &memory);
    assert_memory_equal(moved, "0123456789", 10);
    mem.free(moved, &memory);
    mem.free(NULL, &memory);
    assert_true(memory.bytes <= before);
    grpc_memory_fini(&memory);
    assert_int_equal(memory.bytes, 0);
}

/* After the first failure nothing is freed before the end. */
static void memory_has_a_ceiling(void **state) {
    struct grpc_memory memory = {.limit = 20000};
    nghttp2_mem mem = grpc_memory_interface(&memory);
    char *block = mem.malloc(5000, &memory);

    (void)state;
    assert_non_null(block);
    assert_null(mem.calloc(SIZE_MAX / 2, 3, &memory));
    assert_null(mem.malloc(SIZE_MAX, &memory));
    assert_null(mem.realloc(block, 15000, &memory));
    mem.free(block, &memory);
    mem.free(block, &memory);
    block[4999] = 'x';
    grpc_memory_fini(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_encoded),
        cmocka_unit_test(broken_codes_stand_for_themselves),
        cmocka_unit_test(timeouts_are_read),
        cmocka_unit_test(timeouts_are_written),
        cmocka_unit_test(buckets_refill),
        cmocka_unit_test(messages_are_put_together),
        cmocka_unit_test(a_whole_message_is_not_copied),
        cmocka_unit_test(memory_for_messages_has_a_ceiling),
        cmocka_unit_test(queues_keep_the_order),
        cmocka_unit_test(queues_have_a_ceiling),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(memory_has_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
