/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_DATE_READ_H
#define LARDER_PROTO_HTTP_DATE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Reads an HTTP-date in any of its three forms (RFC 9110, 5.6.7), in any case of letters (RFC 9111, 4.2), into seconds since
 * 1970-01-01 UTC; a leap second counts as the one before it. The zone is GMT and nothing else. A year of two digits that
 * would lie more than 50 years after `now`, in the same seconds, is one of the century before. The name of the day need not
 * fit the date. False, with *ret_second untouched: it is no date. */
bool http_date_read(struct slice text, int64_t now, int64_t *ret_second);

#endif
