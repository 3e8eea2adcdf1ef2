/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_ENDPOINT_H
#define LARDER_STORE_ETCD_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "net/address.h"

enum { ETCD_MEMBERS_MAX = 64 /* members of a cluster that are known at a time */ };

/* Where a member of a cluster listens to clients. */
struct etcd_endpoint {
    struct address address;
    bool tls;
};

/* Reads a list as a person writes it: "etcd://h1:2379,h2:2379" (etcds:// for TLS), "http://h1:2379,https://h2:2379", or
 * bare "h1,[::1]:2379"; the port is 2379 where none is said, and a scheme at the front is that of all that have none. Spaces
 * around the parts, a slash after the port and a comma at the end are borne. At most `max` endpoints, none twice; IPv6
 * addresses in their shortest form. False: `why` has a sentence for people, and ret_count is untouched. */
bool etcd_endpoints_parse(struct slice text, struct etcd_endpoint *ret_endpoints, size_t max, size_t *ret_count,
                          struct buf *why);

/* Names are the same in either case. */
bool etcd_endpoint_equal(const struct etcd_endpoint *a, const struct etcd_endpoint *b);

/* "http://h1:2379"; NUL-terminated, returns ret_text. */
enum { ETCD_ENDPOINT_TEXT_MAX = ADDRESS_TEXT_MAX + 8 };
const char *etcd_endpoint_format(const struct etcd_endpoint *endpoint, char ret_text[ETCD_ENDPOINT_TEXT_MAX]);

#endif
