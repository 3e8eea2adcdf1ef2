/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_HOST_H
#define LARDER_PROTO_HTTP_HOST_H

#include <stdbool.h>

#include "base/slice.h"

/* Whether a request may be meant for this node, from the host it names ("localhost:8080"). A web page whose name is made
 * to resolve to this node's address (DNS rebinding) can make a browser send requests here, but not change the name that
 * they carry. So addresses are taken, "localhost", and the names in `names`, parted by commas; "*" among them takes
 * everything. Names are compared in any case, ports not at all. */
bool http_host_is_allowed(struct slice host, struct slice names);

#endif
