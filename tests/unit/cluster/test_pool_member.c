/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/pool_member.h"

#include "helper.h"

/* Members of a pool of groupcache over a real store of this process, run by hand: one that is not run is as one that is paused. */

#define PREFIX "/imgcache/nodes/"

enum { MEMBERS_MAX = 2 };

struct test_member {
    struct pool_member *member;
    struct groupcache_pool *pool; /* the last one that was told; NULL: none was */
    unsigned told;
    int event; /* `wake` */
    int64_t due_ns;
    bool paused;
};

static void on_wake(void *ctx) {
    const uint64_t one = 1;

    (void)!write(((struct test_member *)ctx)->event, &one, sizeof(one));
}

static void on_pool(void *ctx, struct groupcache_pool *pool) {
    struct test_member *m = ctx;

    groupcache_pool_unref(m->pool);
    m->pool = pool;
    m->told++;
}

static void member_start(struct test_member *m, struct store *store, const char *url) {
    const struct pool_member_config config = {
        .group = SLICE("images"),
        .prefix = SLICE(PREFIX),
        .self = slice_from_string(url),
        .replicas = GROUPCACHE_RING_REPLICAS,
        .store = store,
        .wake = on_wake,
        .on_pool = on_pool,
        .ctx = m,
    };

    memset(m, 0, sizeof(*m));
    m->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(pool_member_new(&config, &m->member), LARDER_OK);
}

/* By what the members wait for and not by the clock. */
static bool run_until_holds(struct test_member *members, size_t count, bool (*holds)(void *ctx), void *ctx) {
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_S * SECOND_NS;

    while (clock_monotonic_ns() < end_ns) {
        struct pollfd fds[MEMBERS_MAX];
        int64_t now_ns = clock_monotonic_ns(), due_ns = now_ns + SECOND_NS / 5;

        for (size_t i = 0; i < count; i++) {
            struct test_member *m = &members[i];
            uint64_t woken;

            if (!m->paused && (read(m->event, &woken, sizeof(woken)) > 0 || now_ns >= m->due_ns)) {
                m->due_ns = pool_member_tick(m->member, now_ns);
            }
            fds[i] = (struct pollfd){.fd = m->paused ? -1 : m->event, .events = POLLIN};
            due_ns = m->due_ns < due_ns && !m->paused ? m->due_ns : due_ns;
        }
        if (holds(ctx)) {
            return true;
        }
        now_ns = clock_monotonic_ns();
        (void)poll(fds, count, due_ns > now_ns ? (int)((due_ns - now_ns) / 1000000) + 1 : 0);
    }
    return false;
}

static void end_all(struct place *p, struct test_member *members, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pool_member_stop(members[i].member);
    }
    store_close(p->store);
    for (size_t i = 0; i < count; i++) {
        pool_member_free(members[i].member);
        groupcache_pool_unref(members[i].pool);
        close(members[i].event);
    }
    place_remove(p);
}

/* What is waited for: that all who run were told just these members, separated by blanks. */
struct goal {
    struct test_member *members;
    size_t count;
    const char *urls;
};

static bool sees(const struct test_member *m, const char *urls) {
    char text[512] = "";

    for (size_t i = 0; m->pool != NULL && i < m->pool->count; i++) {
        const struct slice url = m->pool->peers[i].url;

        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i > 0 ? " " : "", (int)url.size, url.data);
    }
    return m->pool != NULL && strcmp(text, urls) == 0;
}

static bool is_seen(void *ctx) {
    const struct goal *goal = ctx;

    for (size_t i = 0; i < goal->count; i++) {
        if (!goal->members[i].paused && !sees(&goal->members[i], goal->urls)) {
            return false;
        }
    }
    return true;
}

static void await_urls(struct test_member *members, size_t count, const char *urls) {
    struct goal goal = {.members = members, .count = count, .urls = urls};

    assert_true(run_until_holds(members, count, is_seen, &goal));
}

static void start_two(struct place *p, struct test_member members[2]) {
    place_start(p);
    member_start(&members[0], p->store, "http://10.0.0.1:80");
    member_start(&members[1], p->store, "https://10.0.0.2/base");
    await_urls(members, 2, "http://10.0.0.1:80 https://10.0.0.2/base");
}

static int64_t lease_of(struct place *p, const char *key, const char *value) {
    struct awaited a;
    int64_t lease;

    assert_int_equal(run(p, &a, op_get(key)), STORE_OK);
    assert_int_equal(a.call.result.kv_count, 1);
    assert_true(slice_equal(a.call.result.kvs[0].value, slice_from_string(value)));
    lease = a.call.result.kvs[0].lease;
    awaited_end(&a);
    return lease;
}

static void test_members_find_each_other(void **state) {
    struct place p;
    struct test_member members[2];

    (void)state;
    start_two(&p, members);
    assert_int_not_equal(lease_of(&p, PREFIX "10.0.0.1:80", "http://10.0.0.1:80"), 0);
    assert_int_not_equal(lease_of(&p, PREFIX "10.0.0.2/base", "https://10.0.0.2/base"), 0);
    assert_true(slice_equal(members[0].pool->self, SLICE("http://10.0.0.1:80")));
    assert_int_equal(members[0].pool->replicas, GROUPCACHE_RING_REPLICAS);
    end_all(&p, members, 2);
}

static void test_members_of_other_programs_are_followed(void **state) {
    struct place p;
    struct test_member members[2];
    unsigned told;

    (void)state;
    start_two(&p, members);
    put(&p, PREFIX "0", "http://go:1");
    await_urls(members, 2, "http://go:1 http://10.0.0.1:80 https://10.0.0.2/base");
    put(&p, PREFIX "0", "http://go:2");
    put(&p, "/imgcache/other", "http://go:3");
    await_urls(members, 2, "http://go:2 http://10.0.0.1:80 https://10.0.0.2/base");
    told = members[0].told;
    put(&p, PREFIX "0", "http://go:2"); /* nothing changes by that */
    put(&p, PREFIX "1", "nowhere");
    put(&p, PREFIX "9", "http://go:9");
    await_urls(members, 2, "http://go:2 http://10.0.0.1:80 https://10.0.0.2/base http://go:9");
    assert_int_equal(members[0].told, told + 1);
    del(&p, PREFIX "0");
    del(&p, PREFIX "9");
    await_urls(members, 2, "http://10.0.0.1:80 https://10.0.0.2/base");
    end_all(&p, members, 2);
}

static void test_one_that_hangs_is_out_and_comes_back(void **state) {
    struct place p;
    struct test_member members[2];

    (void)state;
    start_two(&p, members);
    members[1].paused = true;
    await_urls(members, 2, "http://10.0.0.1:80");
    members[1].paused = false;
    await_urls(members, 2, "http://10.0.0.1:80 https://10.0.0.2/base");
    end_all(&p, members, 2);
}

static bool has_left(void *ctx) {
    return pool_member_has_left(((struct test_member *)ctx)->member);
}

static void test_one_that_leaves_takes_its_key_along(void **state) {
    struct place p;
    struct test_member members[2];

    (void)state;
    start_two(&p, members);
    pool_member_leave(members[1].member, clock_monotonic_ns());
    members[1].due_ns = INT64_MIN;
    assert_true(run_until_holds(members, 2, has_left, &members[1]));
    expect(&p, PREFIX "10.0.0.2/base", 0, NULL);
    /* It follows the others still, as it has requests to answer. */
    await_urls(members, 2, "http://10.0.0.1:80");
    put(&p, PREFIX "0", "http://go:1");
    await_urls(members, 2, "http://go:1 http://10.0.0.1:80");
    end_all(&p, members, 2);
}

static void test_one_that_never_began_has_left_at_once(void **state) {
    struct place p;
    struct test_member member;

    (void)state;
    place_start(&p);
    member_start(&member, p.store, "http://10.0.0.1:80");
    pool_member_leave(member.member, clock_monotonic_ns());
    pool_member_tick(member.member, clock_monotonic_ns());
    assert_true(has_left(&member));
    end_all(&p, &member, 1);
}

static void test_a_key_that_is_taken_out_is_written_anew(void **state) {
    struct place p;
    struct test_member members[2];
    int64_t lease;

    (void)state;
    start_two(&p, members);
    lease = lease_of(&p, PREFIX "10.0.0.1:80", "http://10.0.0.1:80");
    del(&p, PREFIX "10.0.0.1:80");
    await_urls(&members[1], 1, "https://10.0.0.2/base");
    await_urls(members, 2, "http://10.0.0.1:80 https://10.0.0.2/base");
    assert_int_equal(lease_of(&p, PREFIX "10.0.0.1:80", "http://10.0.0.1:80"), lease);
    end_all(&p, members, 2);
}

static bool has_lease(void *ctx) {
    return lease_of(ctx, PREFIX "10.0.0.1:80", "http://10.0.0.1:80") != 0;
}

/* What is left of before a crash, under a lease that nobody renews, or under none. */
static void test_a_key_of_before_is_written_over(void **state) {
    struct place p;
    struct test_member member;

    (void)state;
    place_start(&p);
    put(&p, PREFIX "10.0.0.1:80", "http://10.0.0.1:80");
    member_start(&member, p.store, "http://10.0.0.1:80");
    await_urls(&member, 1, "http://10.0.0.1:80");
    assert_true(run_until_holds(&member, 1, has_lease, &p));
    end_all(&p, &member, 1);
}

static bool is_far(void *ctx) {
    return clock_monotonic_ns() >= *(const int64_t *)ctx;
}

/* More members than a pool may have, from the beginning: there is no pool, and when some have gone there is one. */
static void test_too_many_members(void **state) {
    struct place p;
    struct test_member member;
    int64_t far_ns;

    (void)state;
    place_start(&p);
    for (unsigned i = 0; i <= GROUPCACHE_RING_PEERS_MAX; i++) {
        char key[64];

        snprintf(key, sizeof(key), PREFIX "many/%u", i);
        put(&p, key, "http://go:1");
    }
    member_start(&member, p.store, "http://10.0.0.1:80");
    far_ns = clock_monotonic_ns() + 2 * SECOND_NS; /* it has put its key, and listed the members more than once */
    assert_true(run_until_holds(&member, 1, is_far, &far_ns));
    assert_null(member.pool);
    for (unsigned i = 0; i <= GROUPCACHE_RING_PEERS_MAX; i++) {
        char key[64];

        snprintf(key, sizeof(key), PREFIX "many/%u", i);
        del(&p, key);
    }
    await_urls(&member, 1, "http://10.0.0.1:80");
    end_all(&p, &member, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_find_each_other),
        cmocka_unit_test(test_members_of_other_programs_are_followed),
        cmocka_unit_test(test_one_that_hangs_is_out_and_comes_back),
        cmocka_unit_test(test_one_that_leaves_takes_its_key_along),
        cmocka_unit_test(test_one_that_never_began_has_left_at_once),
        cmocka_unit_test(test_a_key_that_is_taken_out_is_written_anew),
        cmocka_unit_test(test_a_key_of_before_is_written_over),
        cmocka_unit_test(test_too_many_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
