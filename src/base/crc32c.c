/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <endian.h>
#include <pthread.h>

enum { STRIDE = 8 }; /* bytes that are looked up at once, each in a table of its own */

#define POLYNOMIAL UINT32_C(0x82f63b78) /* with the lowest power in the highest bit */

static uint32_t tables[STRIDE][256];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

/* Table i has what a byte becomes when i zero bytes follow it. */
static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables[0][byte] = crc;
    }
    for (int i = 1; i < STRIDE; i++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[i - 1][byte];

            tables[i][byte] = before >> 8 ^ tables[0][before & 255];
        }
    }
}

static uint32_t add_stride(uint32_t crc, const char *bytes) {
    uint64_t word;
    uint32_t sum = 0;

    memcpy(&word, bytes, sizeof(word));
    word = le64toh(word) ^ crc;
    for (int i = 0; i < STRIDE; i++) {
        sum ^= tables[STRIDE - 1 - i][word >> 8 * i & 255];
    }
    return sum;
}

uint32_t crc32c(uint32_t crc, struct slice bytes) {
    pthread_once(&tables_made, make_tables);
    crc = ~crc;
    while (bytes.size >= STRIDE) {
        crc = add_stride(crc, bytes.data);
        bytes = slice_skip(bytes, STRIDE);
    }
    for (size_t i = 0; i < bytes.size; i++) {
        crc = crc >> 8 ^ tables[0][(crc ^ (unsigned char)bytes.data[i]) & 255];
    }
    return ~crc;
}
