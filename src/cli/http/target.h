/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_HTTP_TARGET_H
#define LARDER_CLI_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Builds the target of a request: "/group/a%20key?limit=5". All bytes but letters, digits, "-._~" and, in a path, "/" are
 * percent-encoded (RFC 3986), so that they arrive as they are. */
struct target {
    struct buf text;
    bool failed; /* out of memory, or larger than TARGET_MAX */
    bool queried;
};

enum { TARGET_MAX = 64 << 10 };

void target_init(struct target *target);
void target_fini(struct target *target);

/* Starts anew with the path of a key, or of any other path without its leading '/'. */
void target_begin(struct target *target, struct slice key);

/* Ends the path with a '/'. */
void target_append_slash(struct target *target);

/* Adds a parameter, with a value or without. */
void target_add(struct target *target, const char *name, struct slice value);
void target_add_number(struct target *target, const char *name, uint64_t value);
void target_add_flag(struct target *target, const char *name);

#endif
