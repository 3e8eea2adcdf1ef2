/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ENVELOPE_H
#define LARDER_GROUP_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* How memcached's client flags travel with a value in the store, which has bytes alone (docs/PROTOCOLS.md): in front of
 * the content stand
 *
 *     8 bytes   the magic: 0x96 'l' 'a' 'r' 'd' 'e' 'r' 0x01
 *     4 bytes   the client flags, big-endian
 *     4 bytes   the size of the content in bytes, big-endian
 *
 * and whatever has this form, with the right size, is one. Only values that need it have it: those with client flags
 * other than 0, and those that begin with the magic themselves, so that reading takes off exactly what writing put on.
 * The etcd API neither puts it on nor takes it off. */
enum { ENVELOPE_SIZE = 16 };

/* Whether a value must be put into an envelope. */
bool envelope_is_needed(uint32_t client_flags, struct slice content);

/* Writes the envelope of a content of `size` bytes to ENVELOPE_SIZE bytes at `place`. */
void envelope_write(char *place, uint32_t client_flags, size_t size);

/* What is in a value of the store: its content, and its flags, 0 without an envelope. */
struct slice envelope_open(struct slice value, uint32_t *ret_client_flags);

#endif
