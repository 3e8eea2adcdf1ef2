/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grpc/reader.h"

enum { MOST = 1 << 20 };

/* Two messages, of which the second has 300 bytes. */
static size_t make_stream(char *ret_stream) {
    static const char first[] = {0, 0, 0, 0, 2, 'h', 'i'};
    static const char prefix[] = {0, 0, 0, 1, 44};

    memcpy(ret_stream, first, sizeof(first));
    memcpy(ret_stream + sizeof(first), prefix, sizeof(prefix));
    memset(ret_stream + sizeof(first) + sizeof(prefix), 'x', 300);
    return sizeof(first) + sizeof(prefix) + 300;
}

static void read_all(struct grpc_reader *reader, struct slice piece, size_t *sizes, size_t *ret_count) {
    struct slice message;
    enum grpc_read read;

    while ((read = grpc_reader_next(reader, &piece, MOST, MOST, &message)) == GRPC_READ_MESSAGE) {
        assert_true(*ret_count < 2);
        sizes[(*ret_count)++] = message.size;
        assert_int_equal(message.data[0], message.size == 2 ? 'h' : 'x');
    }
    assert_int_equal(read, GRPC_READ_MORE);
    assert_int_equal(piece.size, 0);
}

static void messages_are_whole_wherever_the_input_is_cut(void **state) {
    char stream[400];
    size_t size = make_stream(stream);

    (void)state;
    for (size_t a = 0; a <= size; a++) {
        for (size_t b = a; b <= size; b += 7) {
            struct grpc_reader reader;
            size_t sizes[2] = {0, 0};
            size_t count = 0;

            grpc_reader_init(&reader);
            read_all(&reader, slice_make(stream, a), sizes, &count);
            read_all(&reader, slice_make(stream + a, b - a), sizes, &count);
            read_all(&reader, slice_make(stream + b, size - b), sizes, &count);
            assert_int_equal(count, 2);
            assert_int_equal(sizes[0], 2);
            assert_int_equal(sizes[1], 300);
            grpc_reader_fini(&reader);
        }
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_whole_wherever_the_input_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
