/* SPDX-License-Identifier: Apache-2.0 */
/* A greeting with somebody who says anything, on both sides of it: nobody gets through it who does not know the token, and
 * what is said to him is a line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "peer/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct greeting_identity self = {{"herd", 4}, {"self", 4}, {"a secret", 8}};

static void check_line(const char *line, size_t size) {
    assert(size > 2 && size <= GREETING_LINE_MAX && memcmp(line + size - 2, "\r\n", 2) == 0);
    assert(memchr(line, '\r', size) == line + size - 2);
}

/* Its lines are cut at every newline. */
static void be_greeted(struct slice said) {
    static const char nonce[GREETING_NONCE_SIZE] = {1};
    struct greeted g = {.step = GREETING_HELLO};
    enum larder_error error = LARDER_OK;

    while (said.size > 0 && error == LARDER_OK) {
        const char *newline = memchr(said.data, '\n', said.size);
        size_t taken = newline != NULL ? (size_t)(newline - said.data) : said.size;
        char line[GREETING_LINE_MAX];
        size_t size = 0;
        bool done;

        error = greeted_hear(&g, &self, nonce, slice_make(said.data, taken), line, &size, &done);
        check_line(line, size);
        assert(!done);
        said = slice_skip(said, newline != NULL ? taken + 1 : taken);
    }
}

static void greet(struct slice said) {
    enum larder_error error = LARDER_OK;
    struct hello h;
    bool done = false;

    hello_begin(&h, &self, slice_make(NULL, 0));
    check_line(hello_output(&h).data, hello_output(&h).size);
    while (said.size > 0 && error == LARDER_OK) {
        char *place;
        size_t room;

        hello_input(&h, &place, &room);
        room = room < said.size ? room : said.size;
        memcpy(place, said.data, room);
        error = hello_received(&h, room, &done);
        said = slice_skip(said, room);
        assert(!done);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice said = slice_make((const char *)data, size);

    be_greeted(said);
    greet(said);
    return 0;
}
