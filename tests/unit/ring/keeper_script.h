/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_RING_KEEPER_SCRIPT_H
#define LARDER_TESTS_UNIT_RING_KEEPER_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring/errand.h"
#include "ring/membership_pack.h"

enum { LEASE = 1000, HANDOFF = 2500 };

/* The nodes of a text such as "a1 b2 c3-": ids of one letter with incarnations; '-' is leaving. */
static inline struct membership *nodes(const char *text, int64_t revision) {
    struct member list[16] = {0};
    struct membership *members;
    size_t count = 0;

    while (*text != '\0') {
        char *end;

        list[count] = (struct member){.id = slice_make(text, 1), .address = SLICE("h:1"), .algorithm = 1};
        list[count].incarnation = strtol(text + 1, &end, 10);
        list[count].leaving = *end == '-';
        count++;
        text = end + (*end == '-');
        text += *text == ' ';
    }
    assert_int_equal(membership_pack(list, count, revision, &members), LARDER_OK);
    return members;
}

static inline struct keeper *keeper_of(const char *id) {
    struct keeper_config config = {.id = slice_from_string(id), .lease_ns = LEASE, .handoff_ns = HANDOFF};
    struct keeper *keeper;

    assert_int_equal(keeper_new(&config, &keeper), LARDER_OK);
    return keeper;
}

/* The node learns of them; *view is the newest afterwards. */
static inline void learn(struct keeper *keeper, struct keeper_view **view, const char *text, int64_t revision,
                         int64_t incarnation, bool gap, int64_t now_ns) {
    struct membership *members = nodes(text, revision);

    assert_int_equal(keeper_set_membership(keeper, members, incarnation, gap, now_ns), LARDER_OK);
    membership_unref(members);
    keeper_renew(keeper, view);
}

/* A key that belongs to `first` among the first nodes, and to `then` among the others. */
static inline struct slice key_of(const char *nodes_first, char first, const char *nodes_then, char then) {
    static char key[32];
    struct keeper *keeper = keeper_of("z");
    struct keeper_view *a = NULL, *b = NULL;
    struct slice found = {NULL, 0};

    learn(keeper, &a, nodes_first, 1, 0, false, 0);
    learn(keeper, &b, nodes_then, 2, 0, false, 0);
    for (unsigned i = 0; found.size == 0 && i < 100000; i++) {
        uint32_t slot;

        found.size = (size_t)snprintf(key, sizeof(key), "key-%u", i);
        found.data = key;
        slot = ring_slot(found);
        if (a->members->members[a->owners[slot]].id.data[0] != first ||
            b->members->members[b->owners[slot]].id.data[0] != then) {
            found.size = 0;
        }
    }
    assert_true(found.size > 0);
    keeper_view_unref(a);
    keeper_view_unref(b);
    keeper_free(keeper);
    return found;
}

#endif
