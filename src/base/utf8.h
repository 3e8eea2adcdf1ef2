/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_UTF8_H
#define LARDER_BASE_UTF8_H

#include <stdbool.h>

#include "base/slice.h"

/* Whether the bytes are UTF-8 (RFC 3629): shortest forms, no surrogates, nothing above U+10FFFF. Nothing at all is. */
bool utf8_is_valid(struct slice s);

#endif
