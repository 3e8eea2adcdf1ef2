/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/reader.h"

enum { KEEP_BYTES = 4 << 10 /* of a message's buffer that stay for the next message of the stream */ };

void grpc_reader_init(struct grpc_reader *reader) {
    buf_init(&reader->partial, 0);
    reader->size = 0;
    reader->prefix_size = 0;
    reader->is_done = false;
}

void grpc_reader_fini(struct grpc_reader *reader) {
    buf_fini(&reader->partial);
}

static uint32_t size_in(const uint8_t prefix[GRPC_PREFIX_SIZE]) {
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 | prefix[4];
}

static enum grpc_read check_prefix(struct grpc_reader *reader, const uint8_t *prefix, size_t most) {
    reader->size = size_in(prefix);
    if (prefix[0] != 0) {
        return GRPC_READ_COMPRESSED;
    }
    return reader->size > most ? GRPC_READ_TOO_LARGE : GRPC_READ_MESSAGE;
}

/* Completes the prefix from the input. MESSAGE: it is whole and good. */
static enum grpc_read read_prefix(struct grpc_reader *reader, struct slice *input, size_t most) {
    if (reader->prefix_size == 0 && input->size >= GRPC_PREFIX_SIZE) {
        enum grpc_read result = check_prefix(reader, (const uint8_t *)input->data, most);

        if (result == GRPC_READ_MESSAGE) {
            *input = slice_skip(*input, GRPC_PREFIX_SIZE);
            reader->prefix_size = GRPC_PREFIX_SIZE;
        }
        return result;
    }
    while (reader->prefix_size < GRPC_PREFIX_SIZE) {
        if (input->size == 0) {
            return GRPC_READ_MORE;
        }
        reader->prefix[reader->prefix_size++] = (uint8_t)input->data[0];
        *input = slice_skip(*input, 1);
    }
    return check_prefix(reader, reader->prefix, most);
}

static void forget_done(struct grpc_reader *reader) {
    reader->is_done = false;
    reader->prefix_size = 0;
    reader->partial.size = 0;
    if (reader->partial.capacity > KEEP_BYTES) {
        buf_fini(&reader->partial);
    }
}

/* Adds what the input has of the message to what is there. */
static enum grpc_read read_rest(struct grpc_reader *reader, struct slice *input, size_t most_partial,
                                struct slice *ret_message) {
    size_t missing = reader->size - reader->partial.size;
    size_t size = input->size < missing ? input->size : missing;

    reader->partial.limit = most_partial < reader->size ? most_partial : reader->size;
    if (reader->partial.limit < reader->partial.capacity) {
        reader->partial.limit = reader->partial.capacity;
    }
    if (buf_append(&reader->partial, input->data, size) != LARDER_OK) {
        return GRPC_READ_NO_MEMORY;
    }
    *input = slice_skip(*input, size);
    if (size < missing) {
        return GRPC_READ_MORE;
    }
    *ret_message = buf_slice(&reader->partial);
    reader->is_done = true;
    return GRPC_READ_MESSAGE;
}

enum grpc_read grpc_reader_next(struct grpc_reader *reader, struct slice *input, size_t most, size_t most_partial,
                                struct slice *ret_message) {
    enum grpc_read result;

    if (reader->is_done) {
        forget_done(reader);
    }
    if (reader->prefix_size < GRPC_PREFIX_SIZE) {
        result = read_prefix(reader, input, most);
        if (result != GRPC_READ_MESSAGE) {
            return result;
        }
    }
    if (reader->partial.size == 0 && input->size >= reader->size) {
        *ret_message = slice_make(input->data, reader->size);
        *input = slice_skip(*input, reader->size);
        reader->prefix_size = 0;
        return GRPC_READ_MESSAGE;
    }
    return read_rest(reader, input, most_partial, ret_message);
}
