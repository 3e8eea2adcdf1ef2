/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_DATE_H
#define LARDER_PROTO_HTTP_DATE_H

#include <stdint.h>

#include "base/slice.h"

/* The Date field (RFC 9110, 6.6.1), written out once a second at most. All zero is ready for use. For one thread. */
struct http_date {
    int64_t second; /* of which the line is; 0: none is written yet */
    size_t size;
    char line[96]; /* more than any date takes */
};

/* The whole line for a second since 1970-01-01 UTC, valid until the next call. */
struct slice http_date_line(struct http_date *date, int64_t second);

#endif
