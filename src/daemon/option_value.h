/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_OPTION_VALUE_H
#define LARDER_DAEMON_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "daemon/diagnostics.h"

/* Values of options as an operator writes them, read between bounds and explained in words when they are wrong. `name` is
 * the option's. */

/* Each reads `text` into ret_value, both bounds allowed. False, said in `d`, when it cannot. */
bool option_read_count(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                       struct diagnostics *d, uint64_t *ret_value);
bool option_read_size(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                      struct diagnostics *d, uint64_t *ret_bytes);
bool option_read_duration(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                          struct diagnostics *d, uint64_t *ret_ns);

/* Which of `count` words `text` is. False, said in `d`, when it is none of them. */
bool option_read_choice(const char *name, struct slice text, const char *const *words, size_t count, struct place place,
                        struct diagnostics *d, size_t *ret_index);

/* Says in `d` that `text` is none of `words`, and which one was probably meant. */
void option_none_of(const char *name, struct slice text, const char *const *words, size_t count, struct place place,
                    struct diagnostics *d);

/* Reads bytes that may be any: \xHH is the byte with that number, in two hexadecimal digits of either case; \\ is a
 * backslash; every other byte is itself. Writes at most `most` of them to ret_bytes. False, said in `d`, when a backslash
 * begins something else or there are more. */
bool option_read_bytes(const char *name, struct slice text, size_t most, struct place place, struct diagnostics *d,
                       char *ret_bytes, size_t *ret_size);

#endif
