/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_SYSTEM_ERROR_H
#define LARDER_NET_SYSTEM_ERROR_H

#include "base/error.h"

/* What an errno of a socket call means to this project; IO when nothing fits better. */
enum larder_error system_error(int number);

#endif
