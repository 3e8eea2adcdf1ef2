/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_TIMEOUT_H
#define LARDER_PROTO_GRPC_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The header grpc-timeout: at most 8 digits and a unit, H M S m u n (PROTOCOL-HTTP2.md, "Timeout"). */

enum { GRPC_TIMEOUT_MAX = 9 /* bytes of a timeout */ };

/* False: it is not a timeout. *ret_ns is at least 1, for a timeout of 0 is one that has passed, and at most INT64_MAX. */
bool grpc_timeout_parse(struct slice text, int64_t *ret_ns);

/* Writes `ns`, above 0, rounded up to what 8 digits can say; returns the size. */
size_t grpc_timeout_format(int64_t ns, char ret_text[GRPC_TIMEOUT_MAX]);

#endif
