/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_DRIVER_ENCODE_H
#define LARDER_TESTS_STORE_DRIVER_ENCODE_H

#include <jansson.h>

#include "store/store.h"

/* Answers of the driver as JSON objects, all of them new references. The names are those of store.h; keys and values are
 * base64; a status is its name without STORE_. Of a result there is what belongs to its kind. */

json_t *encode_integer(int64_t number);
json_t *encode_bytes(struct slice bytes);
json_t *encode_status(enum store_status status);
json_t *encode_event(const struct kv_event *event);

/* status, revision, and if the status is OK, the result. */
json_t *encode_call(const struct store_call *call);
json_t *encode_figures(const struct store_figures *figures);

#endif
