/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OBSERVE_TRACED_MEMCACHED_H
#define LARDER_CLI_OBSERVE_TRACED_MEMCACHED_H

#include "client/client.h"

/* For client_options: a span for each request of memcached's protocol. Neither keys nor values are told. NULL if nothing is
 * traced. */
const struct client_observer *traced_memcached(void);

#endif
