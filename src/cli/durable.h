/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_DURABLE_H
#define LARDER_CLI_DURABLE_H

#include <stdbool.h>

#include "base/slice.h"
#include "cli/http/target.h"
#include "cli/terminal.h"

/* What the subcommands that list and watch durable keys have in common. */

/* "config/app/" is the group "config" and "app/" in it; "config" alone is the whole group. */
void durable_split(const char *word, struct slice *ret_group, struct slice *ret_rest);

/* Begins a target with the group's own path, "/group/", which lists it and watches its prefixes. */
void durable_target(struct target *target, struct slice group);

enum { DURABLE_PREVIEW_MAX = 60 /* characters of a value in a table */ };

/* Prints a value for reading, on the line that is being written: its beginning, or how large it is. */
void durable_print_value(const struct terminal *terminal, struct slice value);

#endif
