/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TOP_DRAW_H
#define LARDER_CLI_TOP_DRAW_H

#include <stdio.h>

#include "cli/terminal.h"
#include "cli/top/groups.h"
#include "cli/top/keys.h"

/* Where and how `larder top` draws. */
struct top_screen {
    FILE *to;
    const struct terminal *terminal;
    bool live;             /* over what was drawn before */
    size_t width;          /* no line is longer; 0: it does not matter */
    size_t rows;           /* of the table at most */
    size_t nodes;          /* that answered */
    const json_t *missing; /* ids of those that did not */
};

void top_draw_keys(const struct top_screen *screen, const struct top_keys *keys);
void top_draw_groups(const struct top_screen *screen, const struct top_groups *groups);

#endif
