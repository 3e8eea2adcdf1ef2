/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "ring/groupcache_pool.h"

enum { FAILURES_MAX = 100 /* more allocations than any of it makes */ };

#define SELF SLICE("http://10.0.0.2:8008")

static long until_failure = -1; /* allocations that still succeed; below 0: all */

/* The allocator's two, which the linker puts in front of the C library's for this program alone. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails(void) {
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

static struct kv_event put(const char *key, const char *url, int64_t revision) {
    return (struct kv_event){
        .kind = KV_EVENT_PUT,
        .kv = {.key = slice_from_string(key), .value = slice_from_string(url), .mod_revision = revision}};
}

static struct kv_event gone(const char *key, int64_t revision) {
    return (struct kv_event){.kind = KV_EVENT_DELETE, .kv = {.key = slice_from_string(key), .mod_revision = revision}};
}

static struct groupcache_pool *list(const struct kv *kvs, size_t count, int64_t revision, size_t refused) {
    struct groupcache_pool *pool = NULL;
    struct groupcache_refused told = {.count = SIZE_MAX};

    assert_int_equal(groupcache_pool_read(kvs, count, revision, SELF, GROUPCACHE_RING_REPLICAS, &pool, &told),
                     LARDER_OK);
    assert_int_equal(told.count, refused);
    return pool;
}

/* Gives the old one up. */
static struct groupcache_pool *apply(struct groupcache_pool *pool, const struct kv_event *events, size_t count,
                                     int64_t revision, size_t refused) {
    struct groupcache_pool *after = NULL;
    struct groupcache_refused told = {.count = SIZE_MAX};

    assert_int_equal(groupcache_pool_apply(pool, events, count, revision, &after, &told), LARDER_OK);
    assert_int_equal(told.count, refused);
    groupcache_pool_unref(pool);
    return after;
}

/* "key=url key=url" */
static const char *text_of(const struct groupcache_pool *pool) {
    static char text[1000];
    size_t size = 0;

    text[0] = '\0';
    for (size_t i = 0; i < pool->count; i++) {
        const struct groupcache_peer *p = &pool->peers[i];

        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s=%.*s", i == 0 ? "" : " ", (int)p->key.size,
                                 p->key.data, (int)p->url.size, p->url.data);
    }
    return text;
}

/* c, a and b as of revision 10. */
static struct groupcache_pool *make_three(void) {
    const struct kv kvs[] = {put("n/c", "http://c:1", 4).kv, put("n/a", "http://a:1", 9).kv,
                             put("n/b", "http://10.0.0.2:8008", 3).kv};

    return list(kvs, 3, 10, 0);
}

static void a_list_stands_in_the_order_of_its_keys(void **state) {
    struct groupcache_pool *pool = make_three();

    (void)state;
    assert_string_equal(text_of(pool), "n/a=http://a:1 n/b=http://10.0.0.2:8008 n/c=http://c:1");
    assert_int_equal(pool->revision, 10);
    groupcache_pool_unref(pool);
    pool = list(NULL, 0, 3, 0);
    assert_int_equal(pool->count, 0);
    assert_null(groupcache_pool_pick(pool, SLICE("k")));
    groupcache_pool_unref(pool);
    groupcache_pool_unref(NULL);
}

static void events_change_it(void **state) {
    struct groupcache_pool *pool = make_three();
    const struct kv_event comes[] = {put("n/bb", "http://bb:1", 11)};
    const struct kv_event moves[] = {put("n/a", "http://a:2", 12), put("n/0", "http://0:1", 12)};
    const struct kv_event go[] = {gone("n/c", 13), gone("n/0", 13), gone("n/unknown", 13),
                                  put("n/z", "http://z:1", 13)};

    (void)state;
    pool = apply(pool, comes, 1, 11, 0);
    assert_string_equal(text_of(pool), "n/a=http://a:1 n/b=http://10.0.0.2:8008 n/bb=http://bb:1 n/c=http://c:1");
    pool = apply(pool, moves, 2, 12, 0);
    assert_string_equal(text_of(pool),
                        "n/0=http://0:1 n/a=http://a:2 n/b=http://10.0.0.2:8008 n/bb=http://bb:1 n/c=http://c:1");
    pool = apply(pool, go, 4, 15, 0);
    assert_string_equal(text_of(pool), "n/a=http://a:2 n/b=http://10.0.0.2:8008 n/bb=http://bb:1 n/z=http://z:1");
    assert_int_equal(pool->revision, 15);
    groupcache_pool_unref(pool);
}

static void the_newest_of_a_key_counts(void **state) {
    struct groupcache_pool *pool = make_three();
    const struct kv_event mixed[] = {put("n/a", "http://a:3", 13), gone("n/a", 12), put("n/a", "http://a:2", 11),
                                     gone("n/c", 12), put("n/c", "http://c:9", 11)};
    const struct kv_event old[] = {put("n/a", "http://old:1", 10), gone("n/b", 9)};
    const struct kv_event late[] = {put("n/d", "http://d:1", 14)};
    struct groupcache_pool *before;

    (void)state;
    before = groupcache_pool_ref(pool);
    pool = apply(pool, old, 2, 10, 0);
    assert_ptr_equal(pool, before);
    groupcache_pool_unref(before);
    pool = apply(pool, mixed, 5, 13, 0);
    assert_string_equal(text_of(pool), "n/a=http://a:3 n/b=http://10.0.0.2:8008");
    pool = apply(pool, old, 2, 9, 0);
    assert_int_equal(pool->revision, 13);
    pool = apply(pool, late, 1, 9, 0);
    assert_int_equal(pool->count, 3);
    assert_int_equal(pool->revision, 13);
    groupcache_pool_unref(pool);
}

static void what_is_no_url_is_refused(void **state) {
    static const struct row {
        const char *url;
        const char *reason;
    } rows[] = {
        {"", "is empty"},
        {"10.0.0.2:8008", "does not begin with http:// or https://"},
        {"ftp://a:1", "does not begin with http:// or https://"},
        {"http:/a", "does not begin with http:// or https://"},
        {"http://", "has no host"},
        {"http:///x", "has no host"},
        {"http://:80", "has no host"},
        {"http://u:p@a:1", "has a user in front of its host"},
        {"http://a:1/", "ends in '/', below which no peer answers"},
        {"http://a:1/x/", "ends in '/', below which no peer answers"},
        {"http://a:1?x", "has a '?' or a '#', behind which no path can stand"},
        {"http://a:1/#x", "has a '?' or a '#', behind which no path can stand"},
        {"http://a:1\n", "has a byte that is not printable ASCII, or a space"},
        {"http://a b", "has a byte that is not printable ASCII, or a space"},
        {"http://\xc3\xa4:1", "has a byte that is not printable ASCII, or a space"},
    };
    static const char *const good[] = {"http://a", "http://a:1", "HTTPS://a", "http://[::1]:80", "http://a/x@y"};
    static const char begun[] = "http://host";
    char many[GROUPCACHE_PEER_URL_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *reason = groupcache_peer_problem(slice_from_string(rows[i].url));

        assert_non_null(reason);
        assert_string_equal(reason, rows[i].reason);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_null(groupcache_peer_problem(slice_from_string(good[i])));
    }
    memset(many, 'a', sizeof(many));
    memcpy(many, begun, sizeof(begun) - 1);
    assert_null(groupcache_peer_problem(slice_make(many, GROUPCACHE_PEER_URL_MAX)));
    assert_string_equal(groupcache_peer_problem(slice_make(many, sizeof(many))), "is longer than 512 bytes");
}

static void a_refused_value_is_told_and_left_out(void **state) {
    struct groupcache_pool *pool = make_three();
    const struct kv_event bad[] = {put("n/d", "http://d:1/", 11), put("n/a", "a:1", 11), put("n/e", "http://e:1", 11)};
    struct groupcache_pool *after = NULL;
    struct groupcache_refused refused;
    char key[GROUPCACHE_PEER_KEY_MAX + 1];
    struct kv_event far = put("", "http://far:1", 12);

    (void)state;
    assert_int_equal(groupcache_pool_apply(pool, bad, 3, 11, &after, &refused), LARDER_OK);
    assert_string_equal(text_of(after), "n/b=http://10.0.0.2:8008 n/c=http://c:1 n/e=http://e:1");
    assert_int_equal(refused.count, 2);
    assert_true(slice_equal(refused.key, SLICE("n/a")) && slice_equal(refused.value, SLICE("a:1")));
    assert_string_equal(refused.reason, "does not begin with http:// or https://");
    groupcache_pool_unref(pool);
    memset(key, 'n', sizeof(key));
    far.kv.key = slice_make(key, sizeof(key));
    after = apply(after, &far, 1, 12, 1);
    assert_int_equal(after->count, 3);
    far.kv.key.size--;
    far.kv.mod_revision = 13;
    after = apply(after, &far, 1, 13, 0);
    assert_int_equal(after->count, 4);
    groupcache_pool_unref(after);
}

static void configured_peers_stay_in_their_order(void **state) {
    const struct slice urls[] = {SLICE("http://c:1"), SLICE("http://a:1"), SLICE("http://c:1")};
    const struct slice bad[] = {SLICE("http://c:1"), SLICE("http://a:1/")};
    struct groupcache_pool *pool = NULL;
    struct groupcache_refused refused = {0};

    (void)state;
    assert_int_equal(groupcache_pool_configure(urls, 3, SELF, 50, &pool, &refused), LARDER_OK);
    assert_string_equal(text_of(pool), "=http://c:1 =http://a:1 =http://c:1");
    assert_int_equal(refused.count, 0);
    groupcache_pool_unref(pool);
    pool = NULL;
    assert_int_equal(groupcache_pool_configure(bad, 2, SELF, 50, &pool, &refused), LARDER_ERROR_INVALID);
    assert_null(pool);
    assert_int_equal(refused.count, 1);
    assert_true(slice_equal(refused.value, SLICE("http://a:1/")));
}

/* The order of the keys is the order of the ring: it decides whose a point is that two have. */
static void the_ring_follows_from_the_list(void **state) {
    struct groupcache_pool *pool = make_three();
    const struct slice urls[] = {SLICE("http://a:1"), SELF, SLICE("http://c:1")};
    struct groupcache_ring *ring = NULL;
    size_t ours = 0;

    (void)state;
    assert_int_equal(groupcache_ring_new(urls, 3, SELF, GROUPCACHE_RING_REPLICAS, &ring), LARDER_OK);
    for (unsigned i = 0; i < 1000; i++) {
        char text[20];
        struct slice key = slice_make(text, (size_t)snprintf(text, sizeof(text), "key%u", i));
        const struct groupcache_peer *peer = groupcache_pool_pick(pool, key);
        uint16_t expected = groupcache_ring_pick(ring, key);

        assert_int_equal(peer == NULL, expected == GROUPCACHE_RING_SELF);
        assert_true(peer == NULL || slice_equal(peer->url, urls[expected]));
        ours += peer == NULL;
    }
    assert_in_range(ours, 100, 900);
    groupcache_ring_free(ring);
    groupcache_pool_unref(pool);
}

static void says_whether_the_ring_is_the_same(void **state) {
    struct groupcache_pool *a = make_three();
    struct groupcache_pool *b = make_three();
    const struct kv_event renamed[] = {gone("n/a", 11), put("n/aa", "http://a:1", 11)};
    const struct kv_event swapped[] = {put("n/aa", "http://c:1", 12), put("n/c", "http://a:1", 12)};

    (void)state;
    b = apply(b, renamed, 2, 11, 0);
    assert_true(groupcache_pool_is_same(a, b));
    b = apply(b, swapped, 2, 12, 0);
    assert_false(groupcache_pool_is_same(a, b));
    groupcache_pool_unref(b);
    b = list(NULL, 0, 10, 0);
    assert_false(groupcache_pool_is_same(a, b));
    groupcache_pool_unref(a);
    groupcache_pool_unref(b);
}

static void the_ceiling_holds(void **state) {
    static char keys[GROUPCACHE_RING_PEERS_MAX + 1][16];
    static struct kv kvs[GROUPCACHE_RING_PEERS_MAX + 1];
    const struct kv_event swap[] = {gone("key0000", 3), put("later", "http://later:1", 3)};
    const struct kv_event more[] = {put("more", "http://more:1", 4)};
    struct groupcache_pool *pool = NULL, *unused = NULL;
    struct groupcache_refused refused;

    (void)state;
    for (unsigned i = 0; i <= GROUPCACHE_RING_PEERS_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key%04u", i);
        kvs[i] = put(keys[i], "http://a:1", 1).kv;
    }
    assert_int_equal(groupcache_pool_read(kvs, GROUPCACHE_RING_PEERS_MAX + 1, 2, SELF, 1, &pool, &refused),
                     LARDER_ERROR_LIMIT);
    assert_null(pool);
    assert_int_equal(groupcache_pool_read(kvs, GROUPCACHE_RING_PEERS_MAX, 2, SELF, 1, &pool, &refused), LARDER_OK);
    pool = apply(pool, swap, 2, 3, 0);
    assert_int_equal(pool->count, GROUPCACHE_RING_PEERS_MAX);
    assert_int_equal(groupcache_pool_apply(pool, more, 1, 4, &unused, &refused), LARDER_ERROR_LIMIT);
    assert_null(unused);
    groupcache_pool_unref(pool);
}

/* However the changes are cut into batches and shuffled within them, the pool is that of what is there at the end. */
static void any_way_leads_to_the_same(void **state) {
    struct random random;
    struct kv_event events[60];
    char keys[8][8], urls[8][16];

    (void)state;
    random_init(&random, 7);
    for (unsigned run = 0; run < 300; run++) {
        struct groupcache_pool *pool = list(NULL, 0, 0, 0), *once = list(NULL, 0, 0, 0);

        for (size_t i = 0; i < 60; i++) {
            size_t key = random_below(&random, 8), url = random_below(&random, 8);

            snprintf(keys[key], sizeof(keys[key]), "k%zu", key);
            snprintf(urls[url], sizeof(urls[url]), "http://h%zu", url);
            events[i] = random_below(&random, 3) == 0 ? gone(keys[key], (int64_t)i + 1)
                                                      : put(keys[key], urls[url], (int64_t)i + 1);
        }
        for (size_t from = 0; from < 60;) {
            size_t count = 1 + random_below(&random, 60 - from);

            for (size_t i = count; i > 1; i--) {
                size_t other = random_below(&random, i);
                struct kv_event event = events[from + i - 1];

                events[from + i - 1] = events[from + other];
                events[from + other] = event;
            }
            pool = apply(pool, &events[from], count, (int64_t)(from + count), 0);
            from += count;
        }
        once = apply(once, events, 60, 60, 0);
        assert_true(groupcache_pool_is_same(pool, once));
        groupcache_pool_unref(pool);
        groupcache_pool_unref(once);
    }
}

/* Each allocation fails in turn. */
static void out_of_memory_changes_nothing(void **state) {
    struct groupcache_pool *pool = make_three();
    const struct kv_event event = put("n/d", "http://d:1", 11);
    const struct slice url = SLICE("http://a:1");
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    (void)state;
    for (long failure = 0; error != LARDER_OK; failure++) {
        struct groupcache_pool *after = NULL, *other = NULL;
        struct groupcache_refused refused;

        assert_true(failure < FAILURES_MAX);
        until_failure = failure;
        error = groupcache_pool_apply(pool, &event, 1, 11, &after, &refused);
        until_failure = failure;
        assert_int_equal(groupcache_pool_configure(&url, 1, SELF, 50, &other, &refused) == LARDER_OK, failure > 3);
        until_failure = -1;
        assert_int_equal(after != NULL, error == LARDER_OK);
        assert_int_equal(pool->count, 3);
        groupcache_pool_unref(after);
        groupcache_pool_unref(other);
    }
    groupcache_pool_unref(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_stands_in_the_order_of_its_keys),
        cmocka_unit_test(events_change_it),
        cmocka_unit_test(the_newest_of_a_key_counts),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(a_refused_value_is_told_and_left_out),
        cmocka_unit_test(configured_peers_stay_in_their_order),
        cmocka_unit_test(the_ring_follows_from_the_list),
        cmocka_unit_test(says_whether_the_ring_is_the_same),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(any_way_leads_to_the_same),
        cmocka_unit_test(out_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
