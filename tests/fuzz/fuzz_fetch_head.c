/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, line by line as libcurl hands it over. What is taken must be what was said: written down again, it is
 * read as the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/fetch_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads lines from memory that ends where the line does. True: a whole head. */
static bool read_head(struct fetch_lines *lines, struct slice text) {
    bool whole = false;

    fetch_lines_init(lines);
    while (text.size > 0 && !whole) {
        const char *newline = memchr(text.data, '\n', text.size);
        size_t size = newline == NULL ? text.size : (size_t)(newline - text.data) + 1;
        char *exact = malloc(size);
        enum larder_error error;

        assert(exact != NULL);
        memcpy(exact, text.data, size);
        error = fetch_lines_add(lines, slice_make(exact, size), &whole);
        free(exact);
        if (error != LARDER_OK) {
            assert(!whole && error != LARDER_ERROR_NO_MEMORY);
            return false;
        }
        text = slice_skip(text, size);
    }
    return whole;
}

static void write_head(const struct fetch_head *head, struct buf *text) {
    assert(buf_printf(text, "HTTP/1.1 %u\r\n", head->status) == LARDER_OK);
    for (size_t i = 0; i < head->field_count; i++) {
        assert(buf_append_slice(text, head->fields[i].name) == LARDER_OK);
        assert(buf_append(text, ":", 1) == LARDER_OK);
        assert(buf_append_slice(text, head->fields[i].value) == LARDER_OK);
        assert(buf_append(text, "\r\n", 2) == LARDER_OK);
    }
    assert(buf_append(text, "\r\n", 2) == LARDER_OK);
}

static void check(const struct fetch_lines *lines) {
    struct fetch_field fields[FETCH_ANSWER_FIELDS_MAX], again_fields[FETCH_ANSWER_FIELDS_MAX];
    struct fetch_head head, again_head;
    struct fetch_lines again;
    struct buf text;

    fetch_lines_head(lines, fields, &head);
    assert(head.status >= 200 && head.status <= 999);
    buf_init(&text, 2 * FETCH_ANSWER_HEAD_MAX);
    write_head(&head, &text);
    if (text.size <= FETCH_ANSWER_HEAD_MAX) {
        assert(read_head(&again, buf_slice(&text)));
        fetch_lines_head(&again, again_fields, &again_head);
        assert(again_head.status == head.status && again_head.field_count == head.field_count &&
               again_head.has_length == head.has_length && again_head.length == head.length &&
               again_head.until_end == head.until_end);
        for (size_t i = 0; i < head.field_count; i++) {
            assert(slice_equal(fields[i].name, again_fields[i].name));
            assert(slice_equal(fields[i].value, again_fields[i].value));
        }
        fetch_lines_fini(&again);
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fetch_lines lines;

    if (read_head(&lines, slice_make((const char *)data, size))) {
        check(&lines);
    }
    fetch_lines_fini(&lines);
    return 0;
}
