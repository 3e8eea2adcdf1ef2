/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/status.h"

#include <stdio.h>

#include "library/etcd/client.h"

enum larder_status status_of(enum store_status status) {
    static const enum larder_status statuses[STORE_STATUS_COUNT] = {
        [STORE_OK] = LARDER_DONE,
        [STORE_COMPACTED] = LARDER_ERR_COMPACTED,
        [STORE_FUTURE_REVISION] = LARDER_ERR_FUTURE_REVISION,
        [STORE_EMPTY_KEY] = LARDER_ERR_KEY,
        [STORE_KEY_NOT_FOUND] = LARDER_NOT_FOUND,
        [STORE_VALUE_PROVIDED] = LARDER_ERR_INVALID,
        [STORE_LEASE_PROVIDED] = LARDER_ERR_INVALID,
        [STORE_DUPLICATE_KEY] = LARDER_ERR_INVALID,
        [STORE_TOO_MANY_OPS] = LARDER_ERR_TOO_LARGE,
        [STORE_TOO_LARGE] = LARDER_ERR_TOO_LARGE,
        [STORE_LEASE_NOT_FOUND] = LARDER_ERR_NO_LEASE,
        [STORE_LEASE_EXISTS] = LARDER_ERR_LEASE_EXISTS,
        [STORE_LEASE_TTL_TOO_LARGE] = LARDER_ERR_INVALID,
        [STORE_NO_SPACE] = LARDER_ERR_NO_SPACE,
        [STORE_TOO_MANY_REQUESTS] = LARDER_ERR_BUSY,
        [STORE_TOO_MANY_WATCHERS] = LARDER_ERR_BUSY,
        [STORE_NO_MEMORY] = LARDER_ERR_NO_MEMORY,
        [STORE_DAMAGED] = LARDER_ERR_SERVER,
        [STORE_IO] = LARDER_ERR_SERVER,
        [STORE_CLOSED] = LARDER_ERR_ENDED,
        [STORE_UNAVAILABLE] = LARDER_ERR_UNAVAILABLE,
        [STORE_TIMEOUT] = LARDER_ERR_TIMEOUT,
        [STORE_DENIED] = LARDER_ERR_DENIED,
        [STORE_UNKNOWN] = LARDER_ERR_UNKNOWN,
        [STORE_PROTOCOL] = LARDER_ERR_PROTOCOL,
        [STORE_UNSUPPORTED] = LARDER_ERR_SERVER,
    };

    return statuses[status];
}

void status_explain(struct store *cluster, enum store_status status, int etcd_error,
                    char ret_message[LARDER_MESSAGE_MAX]) {
    char trouble[LARDER_MESSAGE_MAX];
    struct slice said = etcd_error_text((enum etcd_error)etcd_error);

    if (status == STORE_UNAVAILABLE || status == STORE_TIMEOUT || status == STORE_UNKNOWN) {
        client_look(cluster, trouble);
        said = slice_from_string(trouble);
    }
    if (said.size > 0) {
        snprintf(ret_message, LARDER_MESSAGE_MAX, "%.64s: %.*s", store_status_text(status), (int)said.size, said.data);
    } else {
        snprintf(ret_message, LARDER_MESSAGE_MAX, "%s", store_status_text(status));
    }
}
