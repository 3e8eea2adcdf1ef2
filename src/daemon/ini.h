/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_INI_H
#define LARDER_DAEMON_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The lines of an INI text, one after the other, without copies and without meaning:
 *
 *     # a comment; so is ; this, also behind blanks at a line's end
 *     [section]            [section "argument"]
 *     name = value         name = "value with # and blanks"
 */
enum ini_kind { INI_END, INI_SECTION, INI_PAIR, INI_BAD };

struct ini_line {
    enum ini_kind kind;
    unsigned number;     /* from 1 */
    struct slice name;   /* of the section, or of the pair */
    struct slice value;  /* of the pair, or the section's argument */
    bool has_argument;   /* SECTION */
    bool quoted;         /* PAIR: the value stood in quotes, so that an empty one was meant */
    const char *problem; /* BAD: what is wrong, for people; static */
};

struct ini {
    struct slice rest;
    unsigned number;
};

/* Borrows `text` for as long as lines are read. */
void ini_init(struct ini *ini, struct slice text);

/* The next line that is not empty and no comment; INI_END after the last. Its slices borrow from the text. */
struct ini_line ini_next(struct ini *ini);

#endif
