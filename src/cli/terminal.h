/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TERMINAL_H
#define LARDER_CLI_TERMINAL_H

#include <stdbool.h>

/* What standard output can show. */
struct terminal {
    bool is_terminal;
    bool utf8;
    /* Escape sequences, or "" without colours: not on a terminal, or NO_COLOR is set (no-color.org), or TERM=dumb. */
    const char *bold, *dim, *red, *yellow, *green, *plain;
};

struct terminal terminal_detect(void);

/* The colour of a share of a limit that should not be reached: green, from 75 % yellow, from 95 % red. */
const char *terminal_load_colour(const struct terminal *terminal, double share);

#endif
