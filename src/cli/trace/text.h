/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_TEXT_H
#define LARDER_CLI_TRACE_TEXT_H

#include <stddef.h>

#include "base/slice.h"

/* Texts of others on a terminal. */

enum { TEXT_SHOWN_MAX = 4 * SLICE_ESCAPED_MAX };

/* What can be shown as it is, else escaped; cut to `columns` characters. Returns ret_text. */
const char *text_shown(const char *text, size_t columns, char ret_text[TEXT_SHOWN_MAX]);

/* Characters of UTF-8: as many columns, near enough. */
size_t text_columns(const char *text);

#endif
