/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/hello.h"

#include "base/random.h"

void hello_begin(struct hello *h, const struct greeting_identity *self, struct slice expected) {
    const uint64_t random[] = {random_os_seed(), random_os_seed()};
    char nonce[GREETING_NONCE_SIZE];

    memcpy(nonce, random, sizeof(nonce));
    h->heard_size = 0;
    h->said_sent = 0;
    h->said_size = greeter_begin(&h->greeter, self, expected, nonce, h->said);
}

/* The first line that came whole; false: there is none. */
static bool first_line(const struct hello *h, struct slice *ret_line, size_t *ret_size) {
    const char *newline = memchr(h->heard, '\n', h->heard_size);

    if (newline == NULL) {
        return false;
    }
    *ret_size = (size_t)(newline - h->heard) + 1;
    *ret_line = slice_make(h->heard, *ret_size - 1);
    if (ret_line->size > 0 && ret_line->data[ret_line->size - 1] == '\r') {
        ret_line->size--;
    }
    return true;
}

enum larder_error hello_received(struct hello *h, size_t size, bool *ret_done) {
    enum larder_error error;
    struct slice line;
    size_t line_size;

    *ret_done = false;
    h->heard_size += size;
    if (!first_line(h, &line, &line_size)) {
        return h->heard_size == sizeof(h->heard) ? LARDER_ERROR_PROTOCOL : LARDER_OK;
    }
    /* Nobody says anything more before he hears from us. */
    if (line_size != h->heard_size) {
        return LARDER_ERROR_PROTOCOL;
    }
    h->said_sent = 0;
    h->said_size = 0;
    error = greeter_hear(&h->greeter, line, h->said, &h->said_size, ret_done);
    h->heard_size = 0;
    return error;
}
