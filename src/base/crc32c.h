/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_CRC32C_H
#define LARDER_BASE_CRC32C_H

#include <stdint.h>

#include "base/slice.h"

/* The checksum CRC-32C of Castagnoli (RFC 3720, appendix B.4), that of iSCSI and of etcd's hashes. `crc` is that of the
 * bytes before, 0 at first. */
uint32_t crc32c(uint32_t crc, struct slice bytes);

#endif
