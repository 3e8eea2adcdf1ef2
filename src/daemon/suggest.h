/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_SUGGEST_H
#define LARDER_DAEMON_SUGGEST_H

#include <stddef.h>

#include "base/slice.h"

/* The one of `count` names that `word` was probably meant to be: the nearest by letters put in, left out, changed or
 * swapped with their neighbour, if it is near. NULL when none is. Upper and lower case are the same here. */
const char *suggest(struct slice word, const char *const *names, size_t count);

#endif
