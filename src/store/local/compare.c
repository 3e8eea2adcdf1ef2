/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

static bool holds(enum store_compare_result asked, int order) {
    switch (asked) {
    case STORE_EQUAL:
        return order == 0;
    case STORE_NOT_EQUAL:
        return order != 0;
    case STORE_GREATER:
        return order > 0;
    case STORE_LESS:
        return order < 0;
    }
    return false;
}

static int compare_number(const struct store_compare *c, const struct version *version) {
    int64_t number = 0;

    switch (c->target) {
    case STORE_COMPARE_VERSION:
        number = version->number;
        break;
    case STORE_COMPARE_CREATE:
        number = version->create;
        break;
    case STORE_COMPARE_MOD:
        number = version->mod;
        break;
    case STORE_COMPARE_LEASE:
        number = version->lease;
        break;
    case STORE_COMPARE_VALUE:
        break;
    }
    return (number > c->number) - (number < c->number);
}

static enum store_status compare_one(const struct view *v, const struct store_compare *c, const struct version *version,
                                     bool *ret_holds) {
    enum store_status status;
    struct kv kv;

    if (c->target != STORE_COMPARE_VALUE) {
        *ret_holds = holds(c->result, compare_number(c, version));
        return STORE_OK;
    }
    status = view_fetch(v, version, &kv);
    *ret_holds = status == STORE_OK && holds(c->result, slice_compare(kv.value, c->value));
    return status;
}

static enum store_status compare_span(const struct view *v, const struct store_compare *c, bool *ret_holds) {
    static const struct version absent;
    bool found = false;
    struct span_walk walk;
    struct key_entry *e;

    *ret_holds = true;
    span_begin(&v->store->index, &c->span, &walk);
    while (*ret_holds && (e = span_next(&walk)) != NULL) {
        const struct version *version = key_entry_at(e, v->revision);

        if (version != NULL) {
            enum store_status status = compare_one(v, c, version, ret_holds);

            if (status != STORE_OK) {
                return status;
            }
            found = true;
        }
    }
    if (!found) {
        *ret_holds = c->target != STORE_COMPARE_VALUE && holds(c->result, compare_number(c, &absent));
    }
    return STORE_OK;
}

enum store_status compare_all(const struct view *v, const struct store_txn *txn, bool *ret_hold) {
    enum store_status status = STORE_OK;

    *ret_hold = true;
    for (size_t i = 0; i < txn->compare_count && *ret_hold && status == STORE_OK; i++) {
        status = compare_span(v, &txn->compares[i], ret_hold);
    }
    return status;
}
