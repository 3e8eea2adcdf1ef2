/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_JSON_IN_H
#define LARDER_CLI_JSON_IN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* The bytes of object[name], a string; or, if object[name + "_encoding"] is "base64", what it encodes. They lie in the
 * object or in `place`, which is overwritten. False: there is no such string, or it cannot be decoded. */
bool json_get_bytes(const json_t *object, const char *name, struct buf *place, struct slice *ret_bytes);

/* The whole number object[name], or 0. */
uint64_t json_get_number(const json_t *object, const char *name);

#endif
