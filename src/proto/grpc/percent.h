/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_PERCENT_H
#define LARDER_PROTO_GRPC_PERCENT_H

#include "base/slice.h"

/* How grpc-message is written in a header (PROTOCOL-HTTP2.md, "Percent-Encoded"): every byte outside 0x20..0x7e, and '%', as
 * '%' and two hexadecimal digits. */

/* Writes at most 3 * text.size bytes; returns how many. */
size_t grpc_percent_encode(struct slice text, char *ret_encoded);

/* Writes at most encoded.size bytes; returns how many. A '%' without two digits stands for itself. Decoding in place is
 * fine. */
size_t grpc_percent_decode(struct slice encoded, char *ret_text);

#endif
