/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_CURL_ERROR_H
#define LARDER_NET_CURL_ERROR_H

#include <curl/curl.h>

#include "base/error.h"

/* What libcurl's result of a transfer means to this project, as far as the number alone tells: NOT_FOUND (no such host), REFUSED
 * (no connection), TIMEOUT, CLOSED, PROTOCOL, INVALID (the URL, a file of authorities), LIMIT, NO_MEMORY; IO when nothing fits
 * better. Who knows more of its transfers looks at those results before. */
enum larder_error curl_error(CURLcode code);

#endif
