/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_HUMAN_H
#define LARDER_CLI_HUMAN_H

#include <stdint.h>

#include "base/slice.h"

/* Numbers as people read them. */

enum { HUMAN_TEXT_MAX = 48 /* the longest text with its NUL */ };

/* 1234567 as "1,234,567". Returns ret_text. */
const char *human_count(uint64_t count, char ret_text[HUMAN_TEXT_MAX]);

/* "812 B", "39.2 MiB", "1.50 GiB": three digits that count. */
const char *human_bytes(uint64_t bytes, char ret_text[HUMAN_TEXT_MAX]);

/* Seconds in the two largest units: "12 s", "5 min 3 s", "2 h 0 min", "12 d 7 h". */
const char *human_duration(uint64_t seconds, char ret_text[HUMAN_TEXT_MAX]);

/* Whether `s` is UTF-8 that a terminal shows and does not obey: no control bytes but tab and newline. */
bool human_readable(struct slice s);

#endif
