/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/call.h"

/* Leases, one call each. */

static enum larder_status run(struct larder_etcd *client, enum store_op_kind kind, struct store_lease lease,
                              struct larder_etcd_result *result) {
    struct store_op op = {.kind = kind, .lease = lease};
    enum larder_status status = call_do(client, &op, 0, false, result);

    return status == LARDER_ERR_NO_LEASE ? call_fail(result, LARDER_NOT_FOUND, "") : status;
}

enum larder_status larder_etcd_lease_grant(struct larder_etcd *client, int64_t ttl_s, int64_t lease,
                                           struct larder_etcd_result *result) {
    if (ttl_s <= 0 || lease < 0) {
        return call_fail(result, LARDER_ERR_INVALID, "a lease needs a time above 0, and no negative number");
    }
    return run(client, STORE_OP_LEASE_GRANT, (struct store_lease){.id = lease, .ttl = ttl_s}, result);
}

enum larder_status larder_etcd_lease_revoke(struct larder_etcd *client, int64_t lease,
                                            struct larder_etcd_result *result) {
    return run(client, STORE_OP_LEASE_REVOKE, (struct store_lease){.id = lease}, result);
}

enum larder_status larder_etcd_lease_renew(struct larder_etcd *client, int64_t lease,
                                           struct larder_etcd_result *result) {
    return run(client, STORE_OP_LEASE_KEEP_ALIVE, (struct store_lease){.id = lease}, result);
}

enum larder_status larder_etcd_lease_ttl(struct larder_etcd *client, int64_t lease, bool want_keys,
                                         struct larder_etcd_result *result) {
    enum larder_status status =
        run(client, STORE_OP_LEASE_TTL, (struct store_lease){.id = lease, .want_keys = want_keys}, result);

    return status == LARDER_DONE && result->answer.ttl < 0 ? call_name(result, LARDER_NOT_FOUND) : status;
}

enum larder_status larder_etcd_lease_list(struct larder_etcd *client, struct larder_etcd_result *result) {
    return run(client, STORE_OP_LEASE_LIST, (struct store_lease){.id = 0}, result);
}
