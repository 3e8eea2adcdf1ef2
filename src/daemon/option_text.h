/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_OPTION_TEXT_H
#define LARDER_DAEMON_OPTION_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* Whether what is written to `file` may be coloured: a terminal, and NO_COLOR is not set. */
bool option_text_color(FILE *file);

/* The text of --help. */
void option_text_help(FILE *file, bool color);

/* The text of --version: "larderd 0.1.0". */
void option_text_version(FILE *file);

#endif
