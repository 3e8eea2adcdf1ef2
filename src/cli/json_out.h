/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_JSON_OUT_H
#define LARDER_CLI_JSON_OUT_H

#include <jansson.h>

#include "base/slice.h"

/* Sets object[name] to the bytes as a string. Bytes that are not UTF-8 go as base64, and object[name + "_encoding"] is
 * then "base64". Aborts when memory runs out, as do all functions here: a tool has nothing better to do. */
void json_set_bytes(json_t *object, const char *name, struct slice bytes);

/* Takes `value` over. */
void json_set(json_t *object, const char *name, json_t *value);

/* Writes it on one line to standard output and gives it up. */
void json_print_line(json_t *value);

#endif
