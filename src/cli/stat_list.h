/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STAT_LIST_H
#define LARDER_CLI_STAT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/ask.h"

/* One line of a server's statistics, copied. */
struct stat_line {
    char *name;
    char *value;
    uint64_t number;
    bool is_number; /* `value` is a whole number that fits */
};

/* The answer to one `stats`, in the server's order. */
struct stat_list {
    struct stat_line *lines;
    size_t count;
};

/* Starts empty. */
static inline void stat_list_init(struct stat_list *list) {
    *list = (struct stat_list){.count = 0};
}

/* Frees it; it is then empty. */
void stat_list_fini(struct stat_list *list);

/* Asks the server for the statistics `name` (empty: the general ones) and fills the list, which is empty before. Returns
 * an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int stat_list_fetch(struct stat_list *list, const struct ask *ask, struct slice name);

/* The line of that name, or NULL. */
const struct stat_line *stat_list_find(const struct stat_list *list, const char *name);

/* The number of the line of that name, or 0. */
uint64_t stat_list_number(const struct stat_list *list, const char *name);

#endif
