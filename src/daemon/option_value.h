/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_OPTION_VALUE_H
#define LARDER_DAEMON_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "daemon/diagnostics.h"

/* Numbers with a unit, read between bounds and said in words when they are wrong. `name` is the option's. */

enum { OPTION_TEXT_MAX = 32 /* a size or a duration as text, with its NUL */ };

/* Each reads `text` into ret_value, both bounds allowed. False, said in `d`, when it cannot. */
bool option_read_count(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                       struct diagnostics *d, uint64_t *ret_value);
bool option_read_size(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                      struct diagnostics *d, uint64_t *ret_bytes);
bool option_read_duration(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                          struct diagnostics *d, uint64_t *ret_ns);

/* The shortest text that the readers above read back: "256m", "10s". Returns ret_text. */
const char *option_size_text(uint64_t bytes, char ret_text[OPTION_TEXT_MAX]);
const char *option_duration_text(uint64_t ns, char ret_text[OPTION_TEXT_MAX]);

#endif
