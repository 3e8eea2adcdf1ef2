/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_DRIVER_DECODE_H
#define LARDER_TESTS_STORE_DRIVER_DECODE_H

#include <jansson.h>

#include "store/store.h"

/* Requests of the driver as JSON objects. Keys and values are base64; what is left out is empty, 0 or false. The names
 * are those of store.h, but for these: `prev_kv` is want_previous, and enumerations are words without their prefix.
 * A request that cannot be understood is a mistake of the test: it ends the program with a message. */

/* Ends the program: `what` is wrong with the request. */
_Noreturn void decode_fail(const char *what, const json_t *request);

int64_t decode_integer(const json_t *object, const char *name);
bool decode_bool(const json_t *object, const char *name);

/* The bytes live in the arena. */
struct slice decode_bytes(const json_t *object, const char *name, struct arena *arena);
struct store_span decode_span(const json_t *object, struct arena *arena);

/* An operation of the store, named by `op`. False: `op` names none. */
bool decode_op(const json_t *object, struct arena *arena, struct store_op *ret_op);

#endif
