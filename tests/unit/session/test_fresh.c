/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP says about how fresh an answer is, with a store that proves from time to time how far it was told. */
#include "store_harness.h"

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = 64 << 10, .max_line = 64 << 10, .max_output = 1 << 20};

static const int64_t second = INT64_C(1000000000);

struct fixture {
    struct store_harness s;
    struct client c;
};

/* What the last answer was; a field that it does not have is empty. */
struct heard {
    unsigned status;
    char cache_status[64];
    char age[16];
    char revision[16];
};

static void field(const char *text, const char *name, char *ret_value, size_t size) {
    char line[64];
    const char *at;

    snprintf(line, sizeof(line), "\r\n%s: ", name);
    at = strstr(text, line);
    at = at != NULL ? at + strlen(line) : "\r";
    snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static struct heard get(struct fixture *f, const char *target) {
    char request[256];
    struct heard heard;

    f->s.h.worker.context.now_ns = f->s.now_ns;
    f->c.heard.size = 0;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    client_say_text(&f->c, request);
    assert_int_equal(buf_append(&f->c.heard, "", 1), LARDER_OK);
    heard.status = (unsigned)strtoul(f->c.heard.data + strlen("HTTP/1.1 "), NULL, 10);
    field(f->c.heard.data, "Cache-Status", heard.cache_status, sizeof(heard.cache_status));
    field(f->c.heard.data, "Age", heard.age, sizeof(heard.age));
    field(f->c.heard.data, "X-Larder-Revision", heard.revision, sizeof(heard.revision));
    return heard;
}

static void gets(struct fixture *f, const char *target, const char *cache_status, const char *age) {
    struct heard heard = get(f, target);

    assert_int_equal(heard.status, 200);
    assert_string_equal(heard.cache_status, cache_status);
    assert_string_equal(heard.age, age);
}

static int setup(void **state) {
    struct fixture *f = malloc(sizeof(*f));

    store_harness_init(&f->s, &node);
    client_init(&f->c, &f->s.h);
    f->s.h.node.durable->is_own = false; /* as far as it says by itself */
    put(&f->s.place, "d/a", "x");        /* revision 2 */
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    client_fini(&f->c);
    store_harness_fini(&f->s);
    free(f);
    return 0;
}

static void the_embedded_engine_has_no_age(void **state) {
    struct fixture *f = *state;

    gets(f, "/d/a", "larder; fwd=miss", "0");
    gets(f, "/d/a", "larder; hit", "0");
    gets(f, "/d/a?use_cache=false", "larder; hit", "0");
    gets(f, "/d/a?max_stale=0", "larder; hit", "0");
    gets(f, "/d/?prefix=", "larder; fwd=miss", "0");
}

/* Seconds are counted from the proof, and a second that has begun is one. */
static void a_copy_is_as_old_as_its_proof(void **state) {
    struct fixture *f = *state;

    gets(f, "/d/a", "larder; fwd=miss", "0");
    f->s.store.proven_ns = f->s.now_ns;
    gets(f, "/d/a", "larder; hit", "0");
    f->s.store.proven_ns = f->s.now_ns + 1; /* since the request came */
    gets(f, "/d/a", "larder; hit", "0");
    f->s.store.proven_ns = f->s.now_ns - 1;
    gets(f, "/d/a", "larder; hit", "1");
    f->s.store.proven_ns = f->s.now_ns - second;
    gets(f, "/d/a", "larder; hit", "1");
    f->s.store.proven_ns = f->s.now_ns - second - 1;
    gets(f, "/d/a", "larder; hit", "2");
    gets(f, "/d/a?max_stale=2s", "larder; hit", "2");
}

static void the_answer_says_what_it_took(void **state) {
    struct fixture *f = *state;

    f->s.store.proven_ns = f->s.now_ns - 3 * second;
    gets(f, "/d/a", "larder; fwd=miss", "0");
    f->s.store.from_memory = true;
    f->s.store.age_ns = second / 2;
    gets(f, "/d/a?max_stale=1s", "larder; fwd=stale; detail=proof", "1");
    gets(f, "/d/a?use_cache=false", "larder; fwd=request; detail=proof", "0");
    gets(f, "/d/?prefix=&use_cache=false", "larder; fwd=request; detail=proof", "0");
    gets(f, "/d/?prefix=&max_stale=1s", "larder; fwd=stale; detail=proof", "1");
    gets(f, "/d/?prefix=", "larder; hit", "1");
    f->s.store.from_memory = false;
    f->s.store.age_ns = 0;
    gets(f, "/d/a?use_cache=false", "larder; fwd=request", "0");
    gets(f, "/d/a?max_stale=1s", "larder; fwd=miss", "0");
}

/* The key has no copy, but the store has it in memory. */
static void what_the_store_remembers_is_a_hit(void **state) {
    struct fixture *f = *state;

    f->s.store.proven_ns = f->s.now_ns - 3 * second;
    f->s.store.from_memory = true;
    f->s.store.age_ns = 3 * second;
    gets(f, "/d/a", "larder; hit", "3");
}

static void a_listing_asks_for_what_the_request_allows(void **state) {
    struct fixture *f = *state;
    struct group_policy *policy = &f->s.h.groups->policies[1];

    assert_string_equal(policy->name, "d");
    get(f, "/d/?prefix=");
    assert_int_equal(f->s.store.max_age_ns, policy->stale_limit_ns);
    get(f, "/d/?prefix=&max_stale=1500ms");
    assert_int_equal(f->s.store.max_age_ns, second + second / 2);
    get(f, "/d/?prefix=&use_cache=false");
    assert_int_equal(f->s.store.max_age_ns, 0);
    policy->freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE, .max_stale_ns = 7};
    get(f, "/d/?prefix=");
    assert_int_equal(f->s.store.max_age_ns, 7);
    get(f, "/d/?prefix=&use_cache=true");
    assert_int_equal(f->s.store.max_age_ns, policy->stale_limit_ns);
}

/* What is asked for is not here yet: the read becomes linearizable, and only then it is known. */
static void a_revision_that_is_to_be_reached(void **state) {
    struct fixture *f = *state;

    gets(f, "/d/a?min_rev=2", "larder; fwd=miss", "0");
    f->s.store.max_age_ns = -1;
    gets(f, "/d/a?min_rev=2", "larder; hit", "0");
    assert_int_equal(f->s.store.max_age_ns, -1);
    f->s.store.proven_ns = f->s.now_ns;
    assert_int_equal(get(f, "/d/a?min_rev=3").status, 412);
    assert_int_equal(f->s.store.max_age_ns, 0);
    assert_int_equal(get(f, "/d/none?min_rev=3").status, 412);
    assert_int_equal(get(f, "/d/?prefix=&min_rev=3").status, 412);
    assert_int_equal(get(f, "/d/a?rev=2&min_rev=3").status, 412);
    put(&f->s.place, "other", "3");
    gets(f, "/d/?prefix=&min_rev=3", "larder; fwd=miss", "0");
    assert_int_equal(get(f, "/d/a?rev=2&min_rev=3").status, 200);
    assert_int_equal(get(f, "/d/none?min_rev=3").status, 404);
}

/* The revisions go back between the look at them and the answer. */
static void an_answer_of_less_than_was_asked_for_is_none(void **state) {
    struct fixture *f = *state;

    f->s.store.answer_revision = 1;
    assert_int_equal(get(f, "/d/none?min_rev=2").status, 412);
    assert_int_equal(get(f, "/d/?prefix=&min_rev=2").status, 412);
    assert_int_equal(get(f, "/d/none?min_rev=1").status, 404);
    /* A value is known for its own revision at least. */
    gets(f, "/d/a?min_rev=2", "larder; fwd=miss", "0");
    assert_string_equal(get(f, "/d/a?rev=2").revision, "2");
}

/* It comes while the request is under way. */
static void what_a_linearizable_read_finds_is_enough(void **state) {
    struct fixture *f = *state;

    f->s.store.proven_ns = f->s.now_ns;
    f->s.store.answer_revision = 9;
    gets(f, "/d/a?min_rev=9", "larder; fwd=request", "0");
    assert_int_equal(f->s.store.max_age_ns, 0);
    assert_string_equal(get(f, "/d/a?min_rev=9").revision, "9");
}

static void what_cannot_be_known_is_an_error(void **state) {
    struct fixture *f = *state;

    f->s.store.proven_ns = f->s.now_ns - 6 * second;
    f->s.store.fail_reads = STORE_UNAVAILABLE;
    assert_int_equal(get(f, "/d/a").status, 503);
    assert_non_null(strstr(f->c.heard.data, "older than this read allows"));
    assert_int_equal(get(f, "/d/?prefix=").status, 503);
    assert_non_null(strstr(f->c.heard.data, "older than this read allows"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_embedded_engine_has_no_age, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_is_as_old_as_its_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(the_answer_says_what_it_took, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_store_remembers_is_a_hit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listing_asks_for_what_the_request_allows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_revision_that_is_to_be_reached, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_less_than_was_asked_for_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_linearizable_read_finds_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_known_is_an_error, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
