/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_FETCH_HEAD_H
#define LARDER_NET_FETCH_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/fetch.h"

/* The head of an answer, line by line (RFC 9112, 4 and 5). It is stricter than libcurl, which reads the same lines, in all
 * that says where an answer ends: what two readers could understand in two ways is refused. */
struct fetch_lines {
    struct buf text; /* names and values, one behind the other */
    struct {
        uint32_t name_at, value_at, end;
    } spans[FETCH_ANSWER_FIELDS_MAX];
    size_t count;
    size_t taken; /* bytes of all lines */
    unsigned status;
    bool begun; /* the status line was read */
    bool old;   /* HTTP/1.0 */
    bool chunked;
    bool has_length;
    uint64_t length;
};

void fetch_lines_init(struct fetch_lines *lines);
void fetch_lines_fini(struct fetch_lines *lines);

/* Takes the next line, with its LF or CRLF. `ret_whole`: it was the last of a head that is not an interim one. Errors:
 * PROTOCOL, LIMIT (FETCH_ANSWER_HEAD_MAX, FETCH_ANSWER_FIELDS_MAX), NO_MEMORY; it is of no use after one. */
enum larder_error fetch_lines_add(struct fetch_lines *lines, struct slice line, bool *ret_whole);

/* What a whole head says, read as that of an answer with a body; `fields` has room for FETCH_ANSWER_FIELDS_MAX, and their slices are valid as long as `lines`. */
void fetch_lines_head(const struct fetch_lines *lines, struct fetch_field *fields, struct fetch_head *ret_head);

/* Bytes of the name of a field (RFC 9110, 5.6.2), at least one; of a value (5.5), which may be empty. */
bool fetch_is_name(struct slice name);
bool fetch_is_value(struct slice value);

#endif
