/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/membership.h"

static bool is_printable(struct slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool has(struct slice text, char c) {
    return text.size > 0 && memchr(text.data, c, text.size) != NULL;
}

const char *member_id_problem(struct slice id) {
    if (id.size == 0) {
        return "is empty";
    }
    if (id.size > MEMBER_ID_MAX) {
        return "is longer than 128 bytes";
    }
    if (!is_printable(id)) {
        return "has a byte that is not printable ASCII, or a space";
    }
    if (has(id, '/')) {
        return "contains '/', which parts names in the store";
    }
    return has(id, ',') ? "contains ',', which parts nodes in a list" : NULL;
}

const char *cluster_name_problem(struct slice name) {
    if (name.size == 0) {
        return "is empty";
    }
    if (name.size > CLUSTER_NAME_MAX) {
        return "is longer than 64 bytes";
    }
    if (!is_printable(name)) {
        return "has a byte that is not printable ASCII, or a space";
    }
    return has(name, '/') ? "contains '/', which parts names in the store" : NULL;
}
