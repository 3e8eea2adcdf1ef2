/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "helper.h"
#include "ring/ring.h"

static struct membership *list(const struct kv *kvs, size_t count, int64_t revision, size_t bad) {
    struct membership *m = NULL;
    size_t found = SIZE_MAX;

    assert_int_equal(membership_read(PREFIX, kvs, count, revision, &m, &found), LARDER_OK);
    assert_int_equal(found, bad);
    return m;
}

/* Gives the old one up. */
static struct membership *apply(struct membership *m, const struct kv_event *events, size_t count, int64_t revision,
                                size_t bad) {
    struct membership *after = NULL;
    size_t found = SIZE_MAX;

    assert_int_equal(membership_apply(m, PREFIX, events, count, revision, &after, &found), LARDER_OK);
    assert_int_equal(found, bad);
    membership_unref(m);
    return after;
}

/* a, b and c as of revision 10. */
static struct membership *make_three(void) {
    struct told places[3];
    const struct kv kvs[] = {record(&places[0], "c", 4, 4, false), record(&places[1], "a", 2, 9, false),
                             record(&places[2], "b", 3, 3, false)};

    return list(kvs, 3, 10, 0);
}

static void a_list_is_sorted(void **state) {
    struct membership *m = make_three();

    (void)state;
    assert_string_equal(ids_of(m), "a b c");
    assert_int_equal(m->revision, 10);
    assert_int_equal(m->members[0].incarnation, 2);
    assert_int_equal(m->members[2].incarnation, 4);
    assert_true(slice_equal(m->members[1].address, SLICE("b.example:11211")));
    membership_unref(m);
    m = list(NULL, 0, 3, 0);
    assert_int_equal(m->count, 0);
    assert_null(membership_find(m, SLICE("a")));
    membership_unref(m);
    membership_unref(NULL);
}

static void what_is_no_record_is_left_out(void **state) {
    struct told places[6];
    struct kv kvs[] = {
        record(&places[0], "", 1, 1, false),     record(&places[1], "x/y", 1, 1, false),
        record(&places[2], "good", 1, 1, true),  record(&places[3], "torn", 1, 1, false),
        record(&places[4], "else", 1, 1, false), record(&places[5], "good", 5, 5, false),
    };
    struct membership *m;

    (void)state;
    kvs[3].value.size--;
    kvs[4].key = SLICE("/larder/d/nodes/else");
    m = list(kvs, 6, 7, 5);
    assert_string_equal(ids_of(m), "good"); /* the newer one of two that a store cannot have */
    assert_int_equal(m->members[0].incarnation, 5);
    membership_unref(m);
}

static void a_node_is_found_by_its_id(void **state) {
    struct membership *m = make_three();

    (void)state;
    for (size_t i = 0; i < m->count; i++) {
        assert_ptr_equal(membership_find(m, m->members[i].id), &m->members[i]);
    }
    assert_null(membership_find(m, SLICE("")));
    assert_null(membership_find(m, SLICE("aa")));
    assert_null(membership_find(m, SLICE("d")));
    membership_unref(m);
}

static void events_change_it(void **state) {
    struct membership *m = make_three();
    struct told places[4];
    const struct kv_event events[] = {put(&places[0], "d", 11, 11),
                                      gone(&places[1], "b", 12),
                                      put(&places[2], "aa", 13, 13),
                                      {.kind = KV_EVENT_PUT, .kv = record(&places[3], "c", 4, 14, true)}};

    (void)state;
    m = apply(m, events, 4, 14, 0);
    assert_string_equal(ids_of(m), "a aa c- d");
    assert_int_equal(m->revision, 14);
    assert_int_equal(m->members[2].incarnation, 4);
    membership_unref(m);
}

static void old_events_change_nothing(void **state) {
    struct membership *m = make_three();
    uint64_t digest = m->digest;
    struct told places[4];
    const struct kv_event events[] = {gone(&places[0], "a", 10), put(&places[1], "d", 9, 9), gone(&places[2], "c", 4),
                                      put(&places[3], "b", 3, 3)};

    (void)state;
    m = apply(m, events, 4, 9, 0);
    assert_string_equal(ids_of(m), "a b c");
    assert_int_equal(m->revision, 10); /* it never goes back */
    m = apply(m, NULL, 0, 15, 0);
    assert_int_equal(m->revision, 15);
    assert_int_equal(m->digest, digest);
    membership_unref(m);
}

/* Gone and come again, in one batch: in any order it is another incarnation in the end. */
static void order_in_a_batch_does_not_matter(void **state) {
    static const size_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
    struct told places[4];
    const struct kv_event events[] = {gone(&places[0], "b", 11), put(&places[1], "b", 12, 12),
                                      put(&places[2], "d", 13, 13), gone(&places[3], "d", 14)};

    (void)state;
    for (size_t o = 0; o < 4; o++) {
        struct kv_event mixed[8];
        struct membership *m = make_three();

        for (size_t i = 0; i < 4; i++) {
            mixed[i] = mixed[i + 4] = events[orders[o][i]]; /* each twice */
        }
        m = apply(m, mixed, 8, 14, 0);
        assert_string_equal(ids_of(m), "a b c");
        assert_int_equal(membership_find(m, SLICE("b"))->incarnation, 12);
        membership_unref(m);
    }
}

static void a_record_that_becomes_none_leaves(void **state) {
    struct membership *m = make_three();
    struct told places[4];
    struct kv_event events[] = {put(&places[0], "a", 2, 11), put(&places[1], "x/y", 12, 12),
                                gone(&places[2], "z/z", 13), put(&places[3], "q", 14, 14)};

    (void)state;
    events[0].kv.value = SLICE("{}");
    events[3].kv.key = SLICE("/elsewhere");
    m = apply(m, events, 4, 14, 3);
    assert_string_equal(ids_of(m), "b c");
    membership_unref(m);
}

static uint64_t digest_of(const char *id, int64_t incarnation, unsigned algorithm, bool leaving, const char *address) {
    char key[64], value[256];
    struct kv kv = {.create_revision = incarnation, .mod_revision = 1};
    struct membership *m;
    uint64_t digest;

    kv.key = slice_make(key, (size_t)snprintf(key, sizeof(key), "/larder/c/nodes/%s", id));
    kv.value = slice_make(value, (size_t)snprintf(value, sizeof(value),
                                                  "{\"id\":\"%s\",\"address\":\"%s\",\"ring\":%u,\"state\":\"%s\"}", id,
                                                  address, algorithm, leaving ? "leaving" : "serving"));
    m = list(&kv, 1, 50, 0);
    digest = m->digest;
    membership_unref(m);
    return digest;
}

static void the_digest_is_of_what_makes_the_ring(void **state) {
    uint64_t digest = digest_of("a", 1, 1, false, "h:1");

    (void)state;
    assert_true(digest != digest_of("b", 1, 1, false, "h:1"));
    assert_true(digest != digest_of("a", 2, 1, false, "h:1"));
    assert_true(digest != digest_of("a", INT64_C(1) + (INT64_C(1) << 40), 1, false, "h:1"));
    assert_true(digest != digest_of("a", 1, 2, false, "h:1"));
    assert_true(digest != digest_of("a", 1, 1, true, "h:1"));
    assert_int_equal(digest, digest_of("a", 1, 1, false, "elsewhere:2"));
}

/* A store of few keys with a history, and the membership that follows it in batches. */
struct history {
    struct kv kvs[16]; /* create_revision 0: not there */
    struct told places[16];
    int64_t revision;
};

static void change(struct history *h, struct random *r, struct told *place, struct kv_event *ret_event) {
    size_t number = random_below(r, 16);
    struct kv *kv = &h->kvs[number];
    bool is_there = kv->create_revision != 0;
    char id[8];

    h->revision++;
    snprintf(id, sizeof(id), "n%02zu", number);
    if (is_there && random_below(r, 2) == 0) {
        *ret_event = gone(place, id, h->revision);
        *kv = (struct kv){0};
        return;
    }
    *kv = record(&h->places[number], id, is_there ? kv->create_revision : h->revision, h->revision,
                 random_below(r, 3) == 0);
    if (random_below(r, 8) == 0) {
        kv->value.size--;
    }
    *ret_event = (struct kv_event){
        .kind = KV_EVENT_PUT,
        .kv = record(place, id, kv->create_revision, h->revision, strstr(h->places[number].value, "leaving") != NULL)};
    ret_event->kv.value.size = kv->value.size;
}

static struct membership *list_all(const struct history *h) {
    struct kv kvs[16];
    struct membership *m;
    size_t count = 0, bad;

    for (size_t i = 0; i < 16; i++) {
        if (h->kvs[i].create_revision != 0) {
            kvs[count++] = h->kvs[i];
        }
    }
    assert_int_equal(membership_read(PREFIX, kvs, count, h->revision, &m, &bad), LARDER_OK);
    return m;
}

static void assert_equal(const struct membership *a, const struct membership *b) {
    assert_int_equal(a->digest, b->digest);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(slice_equal(a->members[i].id, b->members[i].id));
        assert_true(slice_equal(a->members[i].address, b->members[i].address));
        assert_int_equal(a->members[i].incarnation, b->members[i].incarnation);
        assert_int_equal(a->members[i].leaving, b->members[i].leaving);
    }
}

/* Whether it was read or followed, a membership of a revision is one. */
static void following_is_as_good_as_reading(void **state) {
    struct history h = {.revision = 1};
    struct membership *m = list(NULL, 0, 1, 0), *read;
    struct random r;

    (void)state;
    random_init(&r, 11);
    for (unsigned batch = 0; batch < 2000; batch++) {
        struct kv_event events[12];
        struct told places[12];
        struct membership *after;
        size_t bad, count = random_below(&r, 12);

        for (size_t i = 0; i < count; i++) {
            change(&h, &r, &places[i], &events[i]);
        }
        assert_int_equal(membership_apply(m, PREFIX, events, count, h.revision, &after, &bad), LARDER_OK);
        membership_unref(m);
        m = after;
        read = list_all(&h);
        assert_equal(m, read);
        membership_unref(read);
    }
    membership_unref(m);
}

static void nodes_have_a_limit(void **state) {
    static struct told places[RING_NODES_MAX + 1], more, less;
    static struct kv kvs[RING_NODES_MAX + 1];
    struct kv_event events[2];
    struct membership *m, *untouched = NULL;
    size_t bad = 77;

    (void)state;
    for (unsigned i = 0; i <= RING_NODES_MAX; i++) {
        char id[16];

        snprintf(id, sizeof(id), "n%04u", i);
        kvs[i] = record(&places[i], id, i + 1, i + 1, false);
    }
    assert_int_equal(membership_read(PREFIX, kvs, RING_NODES_MAX + 1, 2000, &untouched, &bad), LARDER_ERROR_LIMIT);
    assert_null(untouched);
    assert_int_equal(bad, 77);
    m = list(kvs, RING_NODES_MAX, 2000, 0);
    assert_int_equal(m->count, RING_NODES_MAX);
    events[0] = put(&more, "m", 2001, 2001);
    events[1] = gone(&less, "n1000", 2002);
    assert_int_equal(membership_apply(m, PREFIX, events, 1, 2001, &untouched, &bad), LARDER_ERROR_LIMIT);
    assert_null(untouched);
    m = apply(m, events, 2, 2002, 0);
    assert_int_equal(m->count, RING_NODES_MAX);
    assert_non_null(membership_find(m, SLICE("m")));
    membership_unref(m);
}

static void references_are_counted(void **state) {
    struct membership *m = make_three();

    (void)state;
    assert_ptr_equal(membership_ref(m), m);
    membership_unref(m);
    assert_string_equal(ids_of(m), "a b c"); /* for ASan */
    membership_unref(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_sorted),
        cmocka_unit_test(what_is_no_record_is_left_out),
        cmocka_unit_test(a_node_is_found_by_its_id),
        cmocka_unit_test(events_change_it),
        cmocka_unit_test(old_events_change_nothing),
        cmocka_unit_test(order_in_a_batch_does_not_matter),
        cmocka_unit_test(a_record_that_becomes_none_leaves),
        cmocka_unit_test(the_digest_is_of_what_makes_the_ring),
        cmocka_unit_test(following_is_as_good_as_reading),
        cmocka_unit_test(nodes_have_a_limit),
        cmocka_unit_test(references_are_counted),
    };

    return cmocka_run_group_tests_name("ring-membership", tests, NULL, NULL);
}
