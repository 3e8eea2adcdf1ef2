/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/etcd/watch_internal.h"

/* --- reasons --- */

static bool has_suffix(struct slice s, struct slice suffix) {
    return s.size >= suffix.size && slice_equal(slice_skip(s, s.size - suffix.size), suffix);
}

/* A reason is an error as etcd's client library shows it: "rpc error: code = ... desc = " and the error's text. ETCD_OK:
 * none that is known. */
static enum etcd_error error_of(struct slice reason) {
    for (int i = ETCD_OK + 1; i < ETCD_ERROR_COUNT; i++) {
        if (has_suffix(reason, etcd_error_text((enum etcd_error)i))) {
            return (enum etcd_error)i;
        }
    }
    return ETCD_OK;
}

enum store_status watch_reason_status(struct slice reason, bool has_user) {
    enum etcd_error error = error_of(reason);

    if (reason.size == 0) {
        return STORE_OK;
    }
    /* Said by etcd's watchable store, not by its API. */
    if (has_suffix(reason, SLICE("mvcc: watcher range is empty"))) {
        return STORE_EMPTY_KEY;
    }
    switch (error) {
    case ETCD_ERROR_PERMISSION_DENIED:
        return STORE_DENIED;
    case ETCD_ERROR_USER_EMPTY: /* users are needed since a while ago */
        return has_user ? STORE_OK : STORE_DENIED;
    case ETCD_ERROR_COMPACTED:
        return STORE_COMPACTED;
    case ETCD_ERROR_TOO_MANY_WATCHERS:
        return STORE_TOO_MANY_WATCHERS;
    case ETCD_ERROR_NO_MEMORY:
        return STORE_NO_MEMORY;
    case ETCD_ERROR_INVALID_AUTH_TOKEN: /* a new call has a new token */
    case ETCD_ERROR_AUTH_OLD_REVISION:
        return STORE_OK;
    default:
        return error != ETCD_OK && etcd_error_status(error) == GRPC_UNAVAILABLE ? STORE_OK : STORE_PROTOCOL;
    }
}

bool watch_reason_is_token(struct slice reason) {
    enum etcd_error error = error_of(reason);

    return error == ETCD_ERROR_INVALID_AUTH_TOKEN || error == ETCD_ERROR_AUTH_OLD_REVISION ||
           error == ETCD_ERROR_USER_EMPTY;
}

/* --- versions --- */

bool watch_version_is_good(const char *version) {
    static const unsigned first_good[] = {[4] = 31, [5] = 13}; /* of 3.x, the patch; from 3.6 on all are */
    enum { KNOWN = sizeof(first_good) / sizeof(first_good[0]) };
    unsigned major;
    unsigned minor;
    unsigned patch;
    int end = 0;

    if (sscanf(version, "%3u.%3u.%5u%n", &major, &minor, &patch, &end) != 3 || version[end] == '-') {
        return false;
    }
    if (major != 3) {
        return major > 3;
    }
    return minor >= KNOWN || (first_good[minor] != 0 && patch >= first_good[minor]);
}

enum etcd_progress etcd_watches_progress(const struct etcd_watches *watches) {
    const struct etcd_client *client = watches->client;
    size_t count = etcd_client_member_count(client);
    bool known = false;

    for (size_t i = 0; i < count; i++) {
        struct etcd_member member;

        etcd_client_member(client, i, &member);
        if (member.version[0] == '\0' && (member.in_use || member.health == ETCD_HEALTH_GOOD)) {
            return ETCD_PROGRESS_UNKNOWN;
        }
        known |= member.in_use;
    }
    if (!known) {
        return ETCD_PROGRESS_UNKNOWN;
    }
    return watch_progress_is_true(client) ? ETCD_PROGRESS_TRUE : ETCD_PROGRESS_FALSE;
}

/* The stream may still be with another member than the one in use, so all that are well count. */
bool watch_progress_is_true(const struct etcd_client *client) {
    size_t count = etcd_client_member_count(client);
    bool any_in_use = false;

    for (size_t i = 0; i < count; i++) {
        struct etcd_member member;

        etcd_client_member(client, i, &member);
        if ((member.in_use || member.health == ETCD_HEALTH_GOOD) && !watch_version_is_good(member.version)) {
            return false;
        }
        any_in_use |= member.in_use;
    }
    return any_in_use;
}
