/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/answer.h"

#include "origin/entry.h"
#include "proto/http/chars.h"

void origin_answer_begin(struct origin_answer *a, unsigned status, int64_t asked_ms, int64_t answered_ms) {
    a->status = status;
    a->asked_ms = asked_ms;
    a->answered_ms = answered_ms;
    a->content_length = -1;
    a->content_type = slice_make(NULL, 0);
    a->outgrown = false;
    a->connection_count = 0;
    http_caching_begin(&a->caching, answered_ms / 1000);
    origin_fields_clear(&a->fields);
}

static bool is_declared(const struct origin_policy *policy, struct slice name) {
    for (size_t i = 0; i < policy->declared_count; i++) {
        if (http_is_word(name, policy->declared[i])) {
            return true;
        }
    }
    return false;
}

/* Whether the field Connection has named it: then it is not of the answer (RFC 9110, 7.6.1). */
static bool is_of_connection(const struct origin_answer *a, struct slice name) {
    for (unsigned i = 0; i < a->connection_count; i++) {
        struct slice list = a->connection[i];
        struct slice option;

        while (http_list_next(&list, &option)) {
            if (http_is_word(name, option)) {
                return true;
            }
        }
    }
    return false;
}

/* What it names may have come before it, or come yet. */
static void take_connection(struct origin_answer *a, struct slice value) {
    struct slice list = value;
    struct slice option;

    while (http_list_next(&list, &option)) {
        origin_fields_remove(&a->fields, option);
    }
    if (a->connection_count < ORIGIN_CONNECTION_LINES_MAX) {
        a->connection[a->connection_count++] = value;
    } else {
        a->outgrown = true;
    }
}

static void take_content_type(struct origin_answer *a, struct slice value) {
    if (value.size > ORIGIN_ENTRY_TEXT_MAX || !origin_field_value_is_good(value)) {
        a->outgrown = true;
    } else if (a->content_type.size == 0) {
        a->content_type = value;
    }
}

static void keep(struct origin_answer *a, struct slice name, struct slice value) {
    if (!is_of_connection(a, name) && !origin_fields_add(&a->fields, name, value)) {
        a->outgrown = true;
    }
}

void origin_answer_take(struct origin_answer *a, const struct origin_policy *policy, struct slice name,
                        struct slice value) {
    http_caching_take(&a->caching, name, value);
    switch (origin_rule_of(name)) {
    case ORIGIN_RULE_DECLARED:
        if (is_declared(policy, name)) {
            keep(a, name, value);
        }
        break;
    case ORIGIN_RULE_KEPT:
        keep(a, name, value);
        break;
    case ORIGIN_RULE_OWN:
        if (http_is_word(name, SLICE("content-type"))) {
            take_content_type(a, value);
        }
        break;
    case ORIGIN_RULE_PERSONAL:
        break;
    case ORIGIN_RULE_HOP:
        if (http_is_word(name, SLICE("connection"))) {
            take_connection(a, value);
        }
        break;
    }
}
