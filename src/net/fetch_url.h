/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_FETCH_URL_H
#define LARDER_NET_FETCH_URL_H

#include <stdbool.h>

#include "net/fetch.h"

/* Cuts "https://name:port/target?query" into "https://name:port" and what is behind it, which may be empty. False: another
 * scheme than http and https, no host, something in front of an "@", white space or a control character. Whether the host
 * can be one, libcurl says later. */
bool fetch_url_split(struct slice url, struct slice *ret_origin, struct slice *ret_target);

/* Whether the caller of fetch_start may send this field. */
bool fetch_field_is_allowed(const struct fetch_field *field);

#endif
