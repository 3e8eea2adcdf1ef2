/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_CONFIG_FILE_H
#define LARDER_DAEMON_CONFIG_FILE_H

#include <stddef.h>

#include "daemon/diagnostics.h"
#include "daemon/options.h"

enum { CONFIG_FILE_MAX = 1 << 20 /* bytes */ };

/* Reads the configuration in `text` into `o`, as after options_init: [node] sets options, unless the environment or a
 * flag did; [group "name"] declares groups. Everything wrong is added to `d`, with `file_name` and the line; what is
 * right is taken all the same. Any bytes may come in. */
void config_parse(const char *text, size_t size, const char *file_name, struct options *o, struct diagnostics *d);

/* The same from a file of at most CONFIG_FILE_MAX bytes. A file that cannot be read is a mistake. */
void config_read(const char *path, struct options *o, struct diagnostics *d);

#endif
