/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/cluster.h"

size_t cluster_good(const struct cluster_look *look) {
    size_t good = 0;

    for (size_t i = 0; i < look->count; i++) {
        good += look->members[i].health == ETCD_HEALTH_GOOD;
    }
    return good;
}

const struct etcd_member *cluster_leader(const struct cluster_look *look) {
    for (size_t i = 0; i < look->count; i++) {
        if (look->members[i].leader && look->members[i].health != ETCD_HEALTH_FAILING) {
            return &look->members[i];
        }
    }
    return NULL;
}

int64_t cluster_revision(const struct cluster_look *look) {
    int64_t newest = 0;

    for (size_t i = 0; i < look->count; i++) {
        newest = look->members[i].revision > newest ? look->members[i].revision : newest;
    }
    return newest;
}

bool cluster_is_well(const struct cluster_look *look) {
    for (size_t i = 0; i < look->count; i++) {
        if (look->members[i].health != ETCD_HEALTH_GOOD || look->members[i].trouble[0] != '\0') {
            return false;
        }
    }
    return cluster_leader(look) != NULL;
}

const char *cluster_member_name(const struct etcd_member *member, char ret_endpoint[ETCD_ENDPOINT_TEXT_MAX]) {
    return member->name[0] != '\0' ? member->name : etcd_endpoint_format(&member->endpoint, ret_endpoint);
}
