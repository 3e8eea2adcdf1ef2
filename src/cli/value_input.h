/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_VALUE_INPUT_H
#define LARDER_CLI_VALUE_INPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

/* Where a subcommand takes a value from. Each appends it to `value`, whose limit is the largest that is taken; false: the
 * trouble, which begins with `program`, was printed to standard error. */

bool value_from_word(const char *program, const char *word, struct buf *value);
bool value_from_stdin(const char *program, struct buf *value);
bool value_from_file(const char *program, const char *path, struct buf *value);

#endif
