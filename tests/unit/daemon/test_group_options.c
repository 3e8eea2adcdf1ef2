/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config_run.h"
#include "ring/groupcache_current.h"

static void a_store_group_says_where_it_is_and_how_fresh(void **state) {
    struct run run;
    const struct group_policy *group = &run.options.groups[1];

    (void)state;
    parse(&run, "[group \"config\"]\nprefix = /registry/\nbacking = store\nfreshness = max_stale=500ms\n"
                "stale-limit = 10s\nttl = 60\nmax-item = 16k\n");
    assert_good(&run);
    assert_true(group_policy_is_store(group));
    assert_true(options_need_store(&run.options));
    assert_true(slice_equal(group_policy_prefix(group), SLICE("/registry/")));
    assert_int_equal(group->freshness.kind, FRESHNESS_MAX_STALE);
    assert_int_equal(group->freshness.max_stale_ns, 500000000);
    assert_int_equal(group->stale_limit_ns, 10000000000);
    assert_int_equal(group->ttl, 60);
    assert_int_equal(group->max_item, 16 << 10);
    unload(&run);
}

static void defaults_are_memory_and_cached(void **state) {
    struct run run;
    const struct group_policy *group = &run.options.groups[1];

    (void)state;
    parse(&run, "[group \"a\"]\n[group \"b\"]\nbacking = memory\nfreshness = linearizable\n");
    assert_good(&run);
    assert_false(options_need_store(&run.options));
    assert_false(group_policy_is_store(group));
    assert_int_equal(group->freshness.kind, FRESHNESS_CACHED);
    assert_int_equal(group->stale_limit_ns, GROUP_STALE_LIMIT_NS);
    assert_int_equal(run.options.groups[2].freshness.kind, FRESHNESS_LINEARIZABLE);
    unload(&run);
    parse(&run, "[group \"a\"]\nbacking = store\n");
    assert_good(&run);
    assert_true(slice_equal(group_policy_prefix(group), SLICE("a/")));
    unload(&run);
}

/* What `prefix = TEXT` is in bytes. */
static void assert_prefix(const char *text, struct slice expected) {
    char config[1200];
    struct run run;

    snprintf(config, sizeof(config), "[group \"a\"]\nbacking = store\nprefix = %s\n", text);
    parse(&run, config);
    assert_good(&run);
    assert_true(slice_equal(group_policy_prefix(&run.options.groups[1]), expected));
    unload(&run);
}

static void a_prefix_may_have_any_bytes(void **state) {
    (void)state;
    assert_prefix("config", SLICE("config"));
    assert_prefix("\"a # b; \"  # a comment", SLICE("a # b; "));
    assert_prefix("\\x00\\xfF\\x22\\x0a", SLICE("\0\xff\"\n"));
    assert_prefix("a\\\\b\\\\x41", SLICE("a\\b\\x41"));
    assert_prefix("\xc3\xa4/", SLICE("\xc3\xa4/"));
    assert_prefix("\"\"", SLICE(""));
    assert_prefix("\\x41\\x41", SLICE("AA"));
}

static void a_prefix_has_a_limit_in_bytes_not_in_letters(void **state) {
    char text[4 * GROUP_PREFIX_MAX + 5];
    char config[sizeof(text) + 64];
    char bytes[GROUP_PREFIX_MAX];

    (void)state;
    for (unsigned i = 0; i <= GROUP_PREFIX_MAX; i++) {
        snprintf(text + (size_t)4 * i, 5, "\\xff");
    }
    memset(bytes, '\xff', sizeof(bytes));
    snprintf(config, sizeof(config), "[group \"a\"]\nbacking = store\nprefix = %s\n", text);
    assert_mistakes(config, "c.conf:3: prefix is longer than 255 bytes\n");
    text[4 * GROUP_PREFIX_MAX] = '\0';
    assert_prefix(text, slice_make(bytes, sizeof(bytes)));
}

static void bad_prefixes_are_explained(void **state) {
    static const char escape[] =
        "c.conf:2: prefix: a backslash begins \\xHH (a byte in two hexadecimal digits) or \\\\\n";

    (void)state;
    assert_mistakes("[group \"a\"]\nprefix = a\\n\n", escape);
    assert_mistakes("[group \"a\"]\nprefix = a\\\n", escape);
    assert_mistakes("[group \"a\"]\nprefix = \\x4\n", escape);
    assert_mistakes("[group \"a\"]\nprefix = \\x4g\n", escape);
    assert_mistakes("[group \"a\"]\nprefix = \\X41\n", escape);
    assert_mistakes("[group \"a\"]\nprefix =\n",
                    "c.conf:2: prefix is empty; write prefix = \"\" if the group is to have the whole store\n");
    assert_mistakes("[group \"a\"]\nprefix = /larder/x\n",
                    "c.conf:2: prefix begins with \"/larder/\", where Larder keeps its own\n");
    assert_mistakes("[group \"a\"]\nprefix = /l\\x61rder/x\n",
                    "c.conf:2: prefix begins with \"/larder/\", where Larder keeps its own\n");
}

static void bad_backings_are_explained(void **state) {
    (void)state;
    assert_mistakes("[group \"a\"]\nbacking = stroe\n",
                    "c.conf:2: backing = \"stroe\" is none of memory, store, origin; did you mean \"store\"?\n");
    assert_mistakes("[group \"a\"]\nbacking = disk\n",
                    "c.conf:2: backing = \"disk\" is none of memory, store, origin\n");
    assert_mistakes("[group \"a\"]\nbacking =\n", "c.conf:2: backing = \"\" is none of memory, store, origin\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\n",
                    "config:1: group \"a\": backing = origin needs origin = http://HOST:PORT\n");
}

static void an_origin_group_says_where_and_how_long(void **state) {
    struct run run;
    const struct group_policy *group = &run.options.groups[1];
    struct slice names[GROUP_ORIGIN_FIELDS_MAX];
    struct origin_policy answers;

    (void)state;
    parse(&run,
          "[group \"i\"]\nbacking = origin\norigin = https://h:8/base//\nttl = 0\nmax-ttl = 1h\nabsent-ttl = 500ms\n"
          "error-ttl = 2\nmarker-ttl = 3\nstale-while-revalidate = 4\nstale-if-error = 5\nkeep = 6\n"
          "origin-timeout = 7\norigin-connections = 8\nheaders = X-A , x-b\n");
    assert_good(&run);
    assert_true(group_policy_is_origin(group));
    assert_true(slice_equal(slice_make(group->origin.url, group->origin.url_size), SLICE("https://h:8/base")));
    answers = group_origin_policy(group, names);
    assert_int_equal(answers.ttl_ms, 0);
    assert_int_equal(answers.max_ttl_ms, 3600000);
    assert_int_equal(answers.absent_ttl_ms, 500);
    assert_int_equal(answers.error_ttl_ms, 2000);
    assert_int_equal(answers.marker_ttl_ms, 3000);
    assert_int_equal(answers.while_revalidate_ms, 4000);
    assert_int_equal(answers.if_error_ms, 5000);
    assert_int_equal(answers.keep_ms, 6000);
    assert_int_equal(group->origin.timeout_ns, 7000000000);
    assert_int_equal(group->origin.connections, 8);
    assert_int_equal(answers.declared_count, 2);
    assert_true(slice_equal(names[0], SLICE("X-A")) && slice_equal(names[1], SLICE("x-b")));
    unload(&run);
    parse(&run, "[group \"i\"]\nbacking = origin\norigin = http://h\nmax-ttl = 10\n");
    assert_good(&run);
    assert_int_equal(group->origin.answers.ttl_ms, 10000);
    assert_true(group->origin.answers.max_body < group->max_item);
    unload(&run);
}

static void bad_origins_are_explained(void **state) {
    (void)state;
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = h:80\n",
                    "c.conf:3: origin does not begin with http:// or https://\n"
                    "config:1: group \"a\": backing = origin needs origin = http://HOST:PORT\n");
    assert_mistakes("[group \"a\"]\norigin = http:///x\n", "c.conf:2: origin names no host\n");
    assert_mistakes("[group \"a\"]\norigin = http://h/?x\n",
                    "c.conf:2: origin has a '?' in it: queries come from the keys\n");
    assert_mistakes("[group \"a\"]\norigin = http://u:p@h\n",
                    "c.conf:2: origin has a '@' in it: a name and a password are not sent\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = https://h\norigin-ca = /nowhere/ca.pem\n",
                    "c.conf:4: origin-ca = /nowhere/ca.pem: No such file or directory\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = http://h\norigin-ca = /dev/null\n",
                    "config:1: group \"a\": origin-ca is for https, and its origin is asked by http\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = https://h\norigin-ca =\n",
                    "c.conf:4: origin-ca names no file, or has more than 511 bytes\n");
    assert_mistakes(
        "[group \"a\"]\norigin-ca = /dev/null\n",
        "config:1: group \"a\": origin-ca is an option of origin groups; add backing = origin, or leave it out\n");
    assert_mistakes("[group \"a\"]\nheaders = X:A\n", "c.conf:2: headers: \"X:A\" is no name of a header field\n");
    assert_mistakes(
        "[group \"a\"]\nkeep = 2h\n",
        "config:1: group \"a\": keep is an option of origin groups; add backing = origin, or leave it out\n");
    assert_mistakes(
        "[group \"default\"]\nbacking = origin\norigin = http://h\n",
        "config:1: the group \"default\" is always memory; declare a group of another name for an origin\n");
}

#define POOLED "[group \"a\"]\nbacking = origin\norigin = http://h\nring = groupcache\n"

static void a_group_may_be_in_a_pool(void **state) {
    struct run run;
    struct groupcache_pool *pool;

    (void)state;
    parse(&run, POOLED "self = http://b:1\npeers = http://a:1, http://b:1,http://c:1\nreplicas = 7\n");
    assert_good(&run);
    pool = groupcache_current_get(run.options.groups[1].origin.pool);
    assert_non_null(pool);
    assert_int_equal(pool->replicas, 7);
    assert_int_equal(pool->count, 3);
    assert_true(slice_equal(pool->self, SLICE("http://b:1")) && slice_equal(pool->peers[2].url, SLICE("http://c:1")));
    groupcache_pool_unref(pool);
    assert_false(options_need_store(&run.options));
    unload(&run);
    parse(&run, POOLED "self = http://d:1\npeers = http://a:1\n");
    assert_good(&run);
    assert_int_equal(run.options.groups[1].origin.replicas, 50);
    unload(&run);
    /* What stands below a prefix is not known before the store is open. */
    parse(&run, POOLED "self = http://d:1\npeers = /imgcache/nodes/\n");
    assert_good(&run);
    assert_true(slice_equal(group_pool_prefix(&run.options.groups[1]), SLICE("/imgcache/nodes/")));
    assert_non_null(run.options.groups[1].origin.pool);
    assert_null(groupcache_current_get(run.options.groups[1].origin.pool));
    assert_true(options_need_store(&run.options));
    unload(&run);
    parse(&run, "[group \"a\"]\nbacking = origin\norigin = http://h\nring = larder\n");
    assert_good(&run);
    assert_null(run.options.groups[1].origin.pool);
    unload(&run);
}

static void bad_pools_are_explained(void **state) {
    (void)state;
    assert_mistakes(
        POOLED "peers = http://a:1\n",
        "config:1: group \"a\": ring = groupcache needs self = http://HOST:PORT, the base URL of this node\n");
    assert_mistakes(POOLED "self = http://a:1\n", "config:1: group \"a\": ring = groupcache needs peers = "
                                                  "http://HOST:PORT, ..., the base URLs of all members, or "
                                                  "peers = /PREFIX/, where they stand in the store\n");
    assert_mistakes(
        POOLED "self = http://a:1\npeers = http://a:1, ftp://b\n",
        "c.conf:6: peers: \"ftp://b\" does not begin with http:// or https://\n"
        "config:1: group \"a\": ring = groupcache needs peers = http://HOST:PORT, ..., the base URLs of all "
        "members, or peers = /PREFIX/, where they stand in the store\n");
    assert_mistakes(
        POOLED "self = http://a:1/\npeers = http://a:1\n",
        "c.conf:5: self: \"http://a:1/\" ends in '/', below which no peer answers\n"
        "config:1: group \"a\": ring = groupcache needs self = http://HOST:PORT, the base URL of this node\n");
    assert_mistakes(
        POOLED "self = http://a:1\npeers =\n",
        "c.conf:6: peers has no URL, or more than 1024\n"
        "config:1: group \"a\": ring = groupcache needs peers = http://HOST:PORT, ..., the base URLs of all "
        "members, or peers = /PREFIX/, where they stand in the store\n");
    assert_mistakes(
        POOLED "self = http://a:1\npeers = /nodes\n",
        "c.conf:6: peers: a prefix of the store has a '/' at both ends and at most 255 bytes, as /imgcache/nodes/\n"
        "config:1: group \"a\": ring = groupcache needs peers = http://HOST:PORT, ..., the base URLs of all "
        "members, or peers = /PREFIX/, where they stand in the store\n");
    assert_mistakes(
        POOLED "self = http://a:1\npeers = /larder/nodes/\n",
        "c.conf:6: peers: what begins with /larder/ is kept for Larder itself\n"
        "config:1: group \"a\": ring = groupcache needs peers = http://HOST:PORT, ..., the base URLs of all "
        "members, or peers = /PREFIX/, where they stand in the store\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = http://h\npeers = /nodes/\n",
                    "config:1: group \"a\": peers is of no use without ring = groupcache\n");
    assert_mistakes(POOLED "self = http://a:1\npeers = http://a:1\nreplicas = 1001\n",
                    "c.conf:7: replicas = 1001 is too large: it may be 1 to 1000\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = http://h\nring = go\n",
                    "c.conf:4: ring = \"go\" is none of larder, groupcache\n");
    assert_mistakes("[group \"a\"]\nbacking = origin\norigin = http://h\npeers = http://a:1\n",
                    "config:1: group \"a\": peers is of no use without ring = groupcache\n");
    assert_mistakes(
        "[group \"a\"]\nring = groupcache\n",
        "config:1: group \"a\": ring is an option of origin groups; add backing = origin, or leave it out\n");
    assert_mistakes(
        "[group \"a\"]\nreplicas = 3\n",
        "config:1: group \"a\": replicas is an option of origin groups; add backing = origin, or leave it out\n");
    assert_mistakes(
        "[node]\ncluster = c\ndata-dir = /tmp\n" POOLED "self = http://a:1\npeers = http://a:1\n",
        "config:4: group \"a\": ring = groupcache does not go with cluster yet: its keys would have an owner "
        "in each of two rings\n");
}

static void bad_freshness_is_explained(void **state) {
    (void)state;
    assert_mistakes(
        "[group \"a\"]\nfreshness = linearisable\n",
        "c.conf:2: freshness = \"linearisable\" is none of cached, linearizable, max_stale=TIME; did you mean "
        "\"linearizable\"?\n");
    assert_mistakes("[group \"a\"]\nfreshness = now\n",
                    "c.conf:2: freshness = \"now\" is none of cached, linearizable, max_stale=TIME\n");
    assert_mistakes(
        "[group \"a\"]\nfreshness = max_stale=soon\n",
        "c.conf:2: max_stale = \"soon\" is not a time: seconds, or a number with ms, s, m or h, like 30s\n");
    assert_mistakes("[group \"a\"]\nfreshness = max_stale=25h\n",
                    "c.conf:2: max_stale = 25h is too large: it may be 0 to 24h\n");
    assert_mistakes("[group \"a\"]\nbacking = store\nstale-limit = 99ms\n",
                    "c.conf:3: stale-limit = 99ms is too small: it may be 100ms to 1h\n");
    assert_mistakes("[group \"a\"]\nbacking = store\nstale-limit = 61m\n",
                    "c.conf:3: stale-limit = 61m is too large: it may be 100ms to 1h\n");
}

static void store_groups_must_fit_together(void **state) {
    (void)state;
    assert_mistakes("[group \"a\"]\nbacking = store\nprefix = b/\n[group \"b\"]\nbacking = store\n",
                    "config:4: group \"b\": the prefix \"b/\" is that of the group \"a\" already\n");
    assert_mistakes(
        "[group \"default\"]\nbacking = store\n",
        "config:1: the group \"default\" is always memory; declare a group of another name for the store\n");
    assert_mistakes("[group \"a\"]\nprefix = b/\n[group \"b\"]\nstale-limit = 1s\n",
                    "config:1: group \"a\": prefix is an option of store groups; add backing = store, or leave it out\n"
                    "config:3: group \"b\": stale-limit is an option of store groups; add backing = store, or leave it "
                    "out\n");
}

static void a_store_group_says_what_of_it_is_kept(void **state) {
    struct run run;

    (void)state;
    parse(&run, "[group \"a\"]\nbacking = store\n[group \"b\"]\nbacking = store\nmirror = yes\n"
                "[group \"c\"]\nbacking = store\nnear = no\n");
    assert_good(&run);
    assert_true(run.options.groups[1].near && !run.options.groups[1].mirror);
    assert_true(run.options.groups[2].near && run.options.groups[2].mirror);
    assert_true(!run.options.groups[3].near && !run.options.groups[3].mirror);
    unload(&run);
    assert_mistakes("[group \"a\"]\nbacking = store\nnear = maybe\n",
                    "c.conf:3: near = \"maybe\" is none of no, yes\n");
    assert_mistakes("[group \"a\"]\nbacking = store\nmirror = yes\nnear = no\n",
                    "config:1: group \"a\": mirror = yes keeps all its keys in memory, near = no keeps none\n");
    assert_mistakes(
        "[group \"a\"]\nnear = no\n[group \"b\"]\nmirror = yes\n",
        "config:1: group \"a\": near is an option of store groups; add backing = store, or leave it out\n"
        "config:3: group \"b\": mirror is an option of store groups; add backing = store, or leave it out\n");
}

/* One prefix within another is no mistake: the longer one counts. */
static void prefixes_may_overlap(void **state) {
    struct run run;

    (void)state;
    parse(&run, "[group \"a\"]\nbacking = store\nprefix = \"\"\n[group \"b\"]\nbacking = store\n[group \"c\"]\n");
    assert_good(&run);
    unload(&run);
}

static void a_store_group_takes_what_the_store_takes(void **state) {
    struct run run;

    (void)state;
    parse(&run, "[node]\nmax-item = 4m\n[group \"a\"]\nbacking = store\n[group \"b\"]\n");
    assert_good(&run);
    assert_int_equal(run.options.groups[1].max_item, 1536 << 10);
    assert_int_equal(run.options.groups[2].max_item, 4 << 20);
    unload(&run);
    assert_mistakes("[node]\nmax-item = 4m\n[group \"a\"]\nbacking = store\nmax-item = 2m\n",
                    "config:3: group \"a\": max-item = 2m is more than the store's, 1536k\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_group_says_where_it_is_and_how_fresh),
        cmocka_unit_test(defaults_are_memory_and_cached),
        cmocka_unit_test(a_prefix_may_have_any_bytes),
        cmocka_unit_test(a_prefix_has_a_limit_in_bytes_not_in_letters),
        cmocka_unit_test(bad_prefixes_are_explained),
        cmocka_unit_test(bad_backings_are_explained),
        cmocka_unit_test(an_origin_group_says_where_and_how_long),
        cmocka_unit_test(bad_origins_are_explained),
        cmocka_unit_test(a_group_may_be_in_a_pool),
        cmocka_unit_test(bad_pools_are_explained),
        cmocka_unit_test(bad_freshness_is_explained),
        cmocka_unit_test(store_groups_must_fit_together),
        cmocka_unit_test(a_store_group_says_what_of_it_is_kept),
        cmocka_unit_test(prefixes_may_overlap),
        cmocka_unit_test(a_store_group_takes_what_the_store_takes),
    };

    return cmocka_run_group_tests_name("daemon-group-options", tests, NULL, NULL);
}
