/* SPDX-License-Identifier: Apache-2.0 */
/* Memory groups over three nodes whose owners change, die, fall behind and give copies out: nobody is told what is old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "shared_herd.h"

#define COPY_LEASE_NS INT64_C(100000000)

/* A herd that copies all keys. */
static int setup_copies(void **state) {
    (void)herd_setup(state);
    herd_copy(*state, COPY_LEASE_NS);
    return 0;
}

static void what_is_asked_for_is_handed_over(void **state) {
    enum { KEYS = 400 };
    struct herd *herd = *state;
    struct client c;

    herd_fill(herd, 0, KEYS, 'x');
    herd->beasts[2].leaving = true;
    herd_change(herd);
    assert_int_equal(herd_count_found(herd, 1, KEYS, 'x'), KEYS);
    herd->beasts[2].incarnation = 0;
    herd_change(herd);
    assert_int_equal(herd_count_found(herd, 0, KEYS, 'x'), KEYS);
    /* It comes again, has nothing of what it had, and asks. */
    herd_client(herd, 0, &c);
    herd_says(herd, 0, &c, "delete k0\r\ndelete k1\r\n", "DELETED\r\nDELETED\r\n");
    herd_join(herd, 2);
    herd_change(herd);
    assert_int_equal(herd_count_found(herd, 2, KEYS, 'x'), KEYS - 2);
    assert_int_equal(herd_count_found(herd, 0, KEYS, 'x'), KEYS - 2);
    client_fini(&c);
}

/* Marks, lives and numbers come along. */
static void an_entry_is_handed_over_whole(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[128];

    herd_key(herd, 'c', &at, key);
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "ms %s 2 E123 F7 T500\r\nhi\r\nmd %s I E124\r\nmg %s\r\n", key, key, key);
    herd_says(herd, 0, &c, said, "HD\r\nHD\r\nHD X W\r\n");
    herd->beasts[2].leaving = true;
    herd_change(herd);
    snprintf(said, sizeof(said), "mg %s c f t v h\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    {
        unsigned ttl;

        assert_int_equal(sscanf(c.heard.data, "VA 2 c124 f7 t%u h1 Z X\r\nhi\r\n", &ttl), 1);
        assert_true(ttl > 480 && ttl <= 500);
        assert_true(strstr(c.heard.data, " h1 Z X\r\nhi\r\n") != NULL);
    }
    client_fini(&c);
}

/* The owner is gone and nobody knows it yet. */
static void a_dead_owner_is_a_miss_and_an_error(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_key(herd, 'c', &at, key);
    herd_fill(herd, 0, 50, 'x');
    listener_close(herd->beasts[2].listener);
    herd->beasts[2].listener = NULL;
    for (struct wire *w = herd->beasts[2].wires; w != NULL; w = w->next) {
        stream_close(&w->stream);
    }
    herd->beasts[2].deaf = true;
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "get %s\r\n", key);
    herd_says(herd, 0, &c, said, "END\r\n");
    snprintf(said, sizeof(said), "set %s 0 0 1\r\nx\r\n", key);
    herd_says(herd, 0, &c, said, "SERVER_ERROR the node that has this key cannot be reached, nothing was done\r\n");
    herd->beasts[2].incarnation = 0;
    herd_change(herd);
    herd_says(herd, 0, &c, said, "STORED\r\n");
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 1\r\nx\r\nEND\r\n", key);
    herd_says(herd, 0, &c, said, expected);
    client_fini(&c);
}

/* A node that has not heard of the others' new view asks by its old one, is told so, and asks the store. */
static void who_is_behind_catches_up(void **state) {
    struct herd *herd = *state;

    herd_fill(herd, 0, 100, 'x');
    herd->beasts[0].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    assert_int_equal(herd_count_found(herd, 0, 100, 'x'), 100);
    assert_true(herd->beasts[0].worker.view->members->digest == herd->members->digest);
}

/* A read that is not answered, as the view is another one by now, does not see what came behind it. */
static void a_read_is_not_asked_anew_behind_a_change(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];

    herd_key(herd, 'c', &at, key);
    herd_fill(herd, 0, 100, 'x');
    herd->beasts[0].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "get %s\r\nset %s 0 0 1\r\n2\r\n", key, key);
    herd_says(herd, 0, &c, said, "END\r\nSTORED\r\n");
    client_fini(&c);
}

/* Requests wait for a view that is to come, and then are done in their order. */
static bool is_awaited(void *ctx) {
    struct beast *b = ctx;

    return b->worker.waiting != NULL;
}

static void who_is_asked_too_early_waits(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[256];

    herd_key(herd, 'c', &at, key);
    while (herd_owner(herd, 0, key) != 'c') {
        herd_key(herd, 'c', &at, key);
    }
    herd_fill(herd, 0, 100, 'x');
    herd->beasts[1].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    while (herd_owner(herd, 0, key) != 'b') {
        snprintf(key, sizeof(key), "k%u", at++);
    }
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "set %s 0 0 1\r\n1\r\nincr %s 1\r\nincr %s 1\r\nget %s\r\n", key, key, key, key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_true(herd_run_until(herd, is_awaited, &herd->beasts[1]));
    beast_hear(&herd->beasts[1]);
    herd->beasts[1].deaf = false;
    assert_true(herd_run_until(herd, client_is_answered, &c));
    snprintf(said, sizeof(said), "STORED\r\n2\r\n3\r\nVALUE %s 0 1\r\n3\r\nEND\r\n", key);
    buf_append(&c.heard, "", 1);
    assert_string_equal(c.heard.data, said);
    client_fini(&c);
}

static bool has_replies(void *ctx) {
    struct beast *b = ctx;

    return !pending_queue_is_empty(&b->h.worker.completions);
}

/* The entry that a request waits for has come, but the request has not had its turn yet: a later one could be done at once. */
static void who_waits_is_not_overtaken(void **state) {
    struct herd *herd = *state;
    struct beast *b = &herd->beasts[0];
    bool was_of_c[100];
    unsigned at;
    struct client c;
    char key[16];
    char said[64];
    char expected[64];

    herd_fill(herd, 0, 100, 'x');
    for (at = 0; at < 100; at++) {
        snprintf(key, sizeof(key), "k%u", at);
        was_of_c[at] = herd_owner(herd, 0, key) == 'c';
    }
    herd->beasts[2].leaving = true;
    herd_change(herd);
    do {
        assert_true(at > 0);
        snprintf(key, sizeof(key), "k%u", --at);
    } while (!was_of_c[at] || herd_owner(herd, 0, key) != 'a');
    herd_client(herd, 0, &c);
    b->waking = true; /* nobody takes the replies in */
    snprintf(said, sizeof(said), "append %s 0 0 1\r\ny\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_int_equal(b->worker.under_way, 1);
    assert_true(herd_run_until(herd, has_replies, b));
    snprintf(said, sizeof(said), "get %s\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    mailbox_post(b->mailbox, &b->completed);
    assert_true(herd_run_until(herd, client_is_answered, &c));
    snprintf(expected, sizeof(expected), "STORED\r\nVALUE %s 0 %zu\r\n%sxy\r\nEND\r\n", key, strlen(key) + 2, key);
    buf_append(&c.heard, "", 1);
    assert_string_equal(c.heard.data, expected);
    client_fini(&c);
}

static struct hot_node_counts counts_of(struct herd *herd, size_t i) {
    struct hot_node_counts counts;

    hot_node_count(herd->beasts[i].shared.hot, &counts);
    return counts;
}

static void a_copy_is_answered_with_until_the_key_changes(void **state) {
    struct herd *herd = *state;
    struct client a, c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_client(herd, 0, &a);
    herd_client(herd, 2, &c);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t served = counts_of(herd, 0).shelf.served;

        herd_key(herd, 'c', &at, key);
        snprintf(said, sizeof(said), "set %s 5 0 3\r\nold\r\n", key);
        herd_says(herd, 2, &c, said, "STORED\r\n");
        snprintf(said, sizeof(said), "get %s\r\n", key);
        snprintf(expected, sizeof(expected), "VALUE %s 5 3\r\nold\r\nEND\r\n", key);
        herd_says(herd, 0, &a, said, expected);
        herd_says(herd, 0, &a, said, expected);
        if (counts_of(herd, 0).shelf.served == served) {
            continue; /* so slow a machine that the lease was over */
        }
        snprintf(said, sizeof(said), "set %s 5 0 3\r\nnew\r\n", key);
        herd_says(herd, i % 2 == 0 ? 2 : 0, i % 2 == 0 ? &c : &a, said, "STORED\r\n");
        snprintf(said, sizeof(said), "get %s\r\n", key);
        snprintf(expected, sizeof(expected), "VALUE %s 5 3\r\nnew\r\nEND\r\n", key);
        herd_says(herd, 0, &a, said, expected);
    }
    assert_true(counts_of(herd, 0).shelf.served > 0);
    assert_true(counts_of(herd, 2).ledger.granted > 0);
    assert_true(counts_of(herd, 2).ledger.revoked > 0);
    client_fini(&a);
    client_fini(&c);
}

/* It takes no answers in: the lease is waited out, and what it was asked for meanwhile it does not answer with what it had. */
static void a_holder_that_hangs_is_waited_for(void **state) {
    struct herd *herd = *state;
    struct client a, c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_client(herd, 0, &a);
    herd_client(herd, 2, &c);
    herd_key(herd, 'c', &at, key);
    snprintf(said, sizeof(said), "set %s 0 0 3\r\nold\r\n", key);
    herd_says(herd, 2, &c, said, "STORED\r\n");
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 3\r\nold\r\nEND\r\n", key);
    herd_says(herd, 0, &a, said, expected);
    beast_hang(&herd->beasts[0]);
    snprintf(said, sizeof(said), "append %s 0 0 1\r\n+\r\n", key);
    herd_says(herd, 2, &c, said, "STORED\r\n");
    assert_int_equal(counts_of(herd, 2).ledger.expired, 1);
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 4\r\nold+\r\nEND\r\n", key);
    herd_says(herd, 0, &a, said, expected);
    client_fini(&a);
    client_fini(&c);
}

/* What a key may have: the last value whose write was acknowledged, or one of those after it of which nobody knows. */
struct truth {
    unsigned known;
    unsigned newest;
    bool was_lost; /* it may be gone as well */
};

enum { TRUTHS = 40, DEEDS = 200 };

static void change_something(struct herd *herd, struct random *r) {
    struct beast *b = &herd->beasts[random_below(r, HERD)];

    switch (random_below(r, 4)) {
    case 0:
        b->leaving = b->incarnation != 0 && random_below(r, 2) == 0;
        break;
    case 1:
        b->deaf = !b->deaf;
        if (!b->deaf) {
            beast_hear(b);
        }
        return;
    default:
        if (b->incarnation == 0) {
            herd_join(herd, (size_t)(b - herd->beasts));
        } else if (b->leaving) {
            b->incarnation = 0;
        }
        break;
    }
    herd_change(herd);
}

static void write_once(struct herd *herd, struct random *r, unsigned key, struct truth *truth) {
    size_t through = random_below(r, HERD);
    struct client c;
    char said[64];
    char value[16];

    truth->newest++;
    snprintf(value, sizeof(value), "%u", truth->newest);
    snprintf(said, sizeof(said), "set k%u 0 0 %zu\r\n%s\r\n", key, strlen(value), value);
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    if (strcmp(c.heard.data, "STORED\r\n") == 0) {
        truth->known = truth->newest;
    } else {
        assert_true(slice_has_prefix(buf_slice(&c.heard), SLICE("SERVER_ERROR ")));
        if (strstr(c.heard.data, "nothing was done") != NULL) {
            truth->newest--;
        }
    }
    client_fini(&c);
}

static bool read_once(struct herd *herd, struct random *r, unsigned key, struct truth *truth) {
    size_t through = random_below(r, HERD);
    struct client c;
    char said[64];
    unsigned value;
    bool found;

    snprintf(said, sizeof(said), "get k%u\r\n", key);
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    found = sscanf(c.heard.data, "VALUE k%*u 0 %*u\r\n%u", &value) == 1;
    if (found && (value < truth->known || value > truth->newest)) {
        fail_msg("k%u is %u, and was %u to %u", key, value, truth->known, truth->newest);
    }
    client_fini(&c);
    return found;
}

static void nobody_is_told_what_is_old(void **state) {
    struct herd *herd = *state;
    const char *seeds = getenv("SHARED_SEEDS");
    struct truth truths[TRUTHS];
    unsigned found = 0;

    for (unsigned seed = 1; seed <= (seeds != NULL ? (unsigned)atoi(seeds) : 1); seed++) {
        struct random r;

        random_init(&r, seed);
        memset(truths, 0, sizeof(truths));
        {
            struct client c;

            herd_client(herd, 0, &c);
            herd_says(herd, 0, &c, "flush_all\r\n", "OK\r\n");
            client_fini(&c);
        }
        for (int i = 0; i < DEEDS; i++) {
            unsigned key = (unsigned)random_below(&r, TRUTHS);

            if (random_below(&r, 12) == 0) {
                change_something(herd, &r);
            }
            if (random_below(&r, 2) == 0) {
                write_once(herd, &r, key, &truths[key]);
            } else {
                found += read_once(herd, &r, key, &truths[key]);
            }
        }
        for (size_t i = 0; i < HERD; i++) {
            herd->beasts[i].deaf = false;
        }
        herd_change(herd);
    }
    assert_true(found > 20);
}

static void nor_with_copies(void **state) {
    struct herd *herd = *state;
    uint64_t served = 0;

    nobody_is_told_what_is_old(state);
    for (size_t i = 0; i < HERD; i++) {
        served += counts_of(herd, i).shelf.put;
    }
    assert_true(served > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_for_is_handed_over, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(an_entry_is_handed_over_whole, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(a_dead_owner_is_a_miss_and_an_error, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(who_is_behind_catches_up, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(a_read_is_not_asked_anew_behind_a_change, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(who_is_asked_too_early_waits, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(who_waits_is_not_overtaken, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(nobody_is_told_what_is_old, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(a_copy_is_answered_with_until_the_key_changes, setup_copies, herd_teardown),
        cmocka_unit_test_setup_teardown(a_holder_that_hangs_is_waited_for, setup_copies, herd_teardown),
        cmocka_unit_test_setup_teardown(nor_with_copies, setup_copies, herd_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
