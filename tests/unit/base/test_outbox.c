/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/outbox.h"
#include "base/random.h"

enum { LIMIT = 1 << 20, BLOBS = 5, KEEP = 1 << 20 };

/* A blob that counts how often it was let go for good. */
struct counted {
    struct blob blob;
    char bytes[16];
    int released;
};

static void note_release(struct blob *blob) {
    ((struct counted *)(void *)blob)->released++;
}

static void start_blobs(struct counted *blobs) {
    for (int i = 0; i < BLOBS; i++) {
        blob_init(&blobs[i].blob, note_release);
        memset(blobs[i].bytes, 'A' + i, sizeof(blobs[i].bytes));
        blobs[i].released = 0;
    }
}

static void drop_own(struct counted *blobs) {
    for (int i = 0; i < BLOBS; i++) {
        blob_unref(&blobs[i].blob);
    }
}

/* References at the start, at the end, side by side and between copies; one blob twice. */
static const struct piece {
    const char *copied; /* NULL: a reference */
    int blob;
    size_t size;
} pieces_in_order[] = {
    {NULL, 0, 16}, {"one", 0, 0}, {NULL, 1, 5}, {NULL, 2, 16}, {"three and more", 0, 0},
    {NULL, 1, 16}, {"x", 0, 0},   {"y", 0, 0},  {NULL, 3, 1},  {NULL, 4, 16},
};

enum { PIECES = sizeof(pieces_in_order) / sizeof(pieces_in_order[0]) };

static size_t fill(struct outbox *o, struct counted *blobs, char *expected) {
    size_t size = 0;

    for (size_t i = 0; i < PIECES; i++) {
        const struct piece *p = &pieces_in_order[i];
        struct slice s = p->copied != NULL ? slice_from_string(p->copied) : slice_make(blobs[p->blob].bytes, p->size);

        if (p->copied != NULL) {
            assert_int_equal(outbox_append(o, s), LARDER_OK);
        } else {
            assert_int_equal(outbox_append_blob(o, &blobs[p->blob].blob, s), LARDER_OK);
        }
        memcpy(expected + size, s.data, s.size);
        size += s.size;
    }
    return size;
}

/* What the pieces offer, up to `max` of them; their number of bytes. */
static size_t look(const struct outbox *o, int max, char *ret_bytes) {
    struct iovec pieces[32];
    int count = outbox_pieces(o, pieces, max);
    size_t size = 0;

    assert_in_range(count, 1, max);
    for (int i = 0; i < count; i++) {
        assert_true(pieces[i].iov_len > 0);
        memcpy(ret_bytes + size, pieces[i].iov_base, pieces[i].iov_len);
        size += pieces[i].iov_len;
    }
    return size;
}

static void everything_comes_in_order_however_it_is_taken(void **state) {
    (void)state;
    for (int max = 2; max < 24; max++) {
        for (size_t step = 1; step < 100; step += step < 20 ? 1 : 13) {
            struct counted blobs[BLOBS];
            struct outbox o;
            char expected[256];
            char seen[256];
            size_t size;
            size_t sent = 0;

            start_blobs(blobs);
            outbox_init(&o, LIMIT);
            size = fill(&o, blobs, expected);
            drop_own(blobs);
            while (sent < size) {
                size_t offered = look(&o, max, seen);
                size_t take = offered < step ? offered : step;

                assert_int_equal(outbox_pending(&o), size - sent);
                assert_memory_equal(seen, expected + sent, offered);
                outbox_sent(&o, take);
                sent += take;
            }
            assert_int_equal(outbox_pending(&o), 0);
            for (int i = 0; i < BLOBS; i++) {
                assert_int_equal(blobs[i].released, 1);
            }
            outbox_clear(&o, KEEP);
            outbox_fini(&o);
            for (int i = 0; i < BLOBS; i++) {
                assert_int_equal(blobs[i].released, 1);
            }
        }
    }
}

static void a_blob_goes_with_its_last_byte(void **state) {
    struct counted blobs[BLOBS];
    struct outbox o;
    (void)state;

    start_blobs(blobs);
    outbox_init(&o, LIMIT);
    assert_int_equal(outbox_append(&o, SLICE("ab")), LARDER_OK);
    assert_int_equal(outbox_append_blob(&o, &blobs[0].blob, slice_make(blobs[0].bytes, 4)), LARDER_OK);
    assert_int_equal(outbox_append(&o, SLICE("cd")), LARDER_OK);
    drop_own(blobs);
    outbox_sent(&o, 5);
    assert_int_equal(blobs[0].released, 0);
    outbox_sent(&o, 1);
    assert_int_equal(blobs[0].released, 1);
    outbox_sent(&o, 2);
    assert_int_equal(blobs[0].released, 1);
    outbox_fini(&o);
    assert_int_equal(blobs[0].released, 1);
}

static void what_is_unsent_is_let_go_once(void **state) {
    (void)state;
    for (size_t sent = 0; sent <= 90; sent++) {
        struct counted blobs[BLOBS];
        struct outbox o;
        char expected[256];

        start_blobs(blobs);
        outbox_init(&o, LIMIT);
        assert_true(fill(&o, blobs, expected) >= 89);
        drop_own(blobs);
        outbox_sent(&o, sent < outbox_pending(&o) ? sent : outbox_pending(&o));
        if (sent % 2 == 0) {
            outbox_clear(&o, sent % 4 == 0 ? 0 : KEEP);
            assert_int_equal(outbox_pending(&o), 0);
            /* It is as good as new. */
            assert_int_equal(outbox_append(&o, SLICE("again")), LARDER_OK);
            assert_int_equal(look(&o, 2, expected), 5);
        }
        outbox_fini(&o);
        for (int i = 0; i < BLOBS; i++) {
            assert_int_equal(blobs[i].released, 1);
        }
    }
}

static void memory_is_kept_up_to_a_limit(void **state) {
    struct outbox o;
    char bytes[5000];
    (void)state;

    memset(bytes, 'x', sizeof(bytes));
    outbox_init(&o, LIMIT);
    assert_int_equal(outbox_append(&o, slice_make(bytes, sizeof(bytes))), LARDER_OK);
    outbox_clear(&o, 100000);
    assert_non_null(o.bytes.data);
    outbox_clear(&o, 1000);
    assert_null(o.bytes.data);
    outbox_fini(&o);
}

static void the_limit_holds_for_copied_bytes(void **state) {
    struct counted blobs[BLOBS];
    struct outbox o;
    (void)state;

    start_blobs(blobs);
    outbox_init(&o, 10);
    assert_int_equal(outbox_append(&o, SLICE("12345678")), LARDER_OK);
    assert_int_equal(outbox_append_blob(&o, &blobs[0].blob, slice_make(blobs[0].bytes, 16)), LARDER_OK);
    assert_int_equal(outbox_append(&o, SLICE("123")), LARDER_ERROR_LIMIT);
    assert_null(outbox_reserve(&o, 3));
    assert_non_null(outbox_reserve(&o, 2));
    assert_int_equal(outbox_pending(&o), 24);
    outbox_fini(&o);
    drop_own(blobs);
}

/* A sender that always lags behind a little, for far more bytes than the limit. */
static void what_was_sent_makes_room(void **state) {
    enum { ROUNDS = 20000 };
    struct counted blobs[BLOBS];
    struct outbox o;
    struct random r;
    char *expected = malloc((size_t)ROUNDS * 500);
    char *seen = malloc(LIMIT);
    size_t size = 0;
    size_t sent = 0;
    (void)state;

    assert_non_null(expected);
    assert_non_null(seen);
    random_init(&r, 3);
    start_blobs(blobs);
    outbox_init(&o, LIMIT / 2);
    for (int round = 0; round < ROUNDS; round++) {
        char text[512];
        size_t length = random_below(&r, 400);
        size_t lag = random_below(&r, 2000) + 1;

        memset(text, 'a' + round % 26, length);
        assert_int_equal(outbox_append(&o, slice_make(text, length)), LARDER_OK);
        memcpy(expected + size, text, length);
        size += length;
        if (round % 3 == 0) {
            struct counted *c = &blobs[round % BLOBS];

            assert_int_equal(outbox_append_blob(&o, &c->blob, slice_make(c->bytes, 16)), LARDER_OK);
            memcpy(expected + size, c->bytes, 16);
            size += 16;
        }
        assert_int_equal(outbox_pending(&o), size - sent);
        while (outbox_pending(&o) > lag) {
            size_t offered = look(&o, 6, seen);
            size_t take = outbox_pending(&o) - lag < offered ? outbox_pending(&o) - lag : offered;

            assert_memory_equal(seen, expected + sent, offered);
            outbox_sent(&o, take);
            sent += take;
        }
    }
    assert_true(size > LIMIT * 3);
    assert_true(o.ref_capacity < 4096);
    outbox_fini(&o);
    drop_own(blobs);
    for (int i = 0; i < BLOBS; i++) {
        assert_int_equal(blobs[i].released, 1);
    }
    free(seen);
    free(expected);
}

/* As the rest of an answer whose first part is sent. */
static void a_blob_may_be_all_there_is(void **state) {
    struct counted blobs[BLOBS];
    struct iovec pieces[2];
    struct outbox o;

    (void)state;
    start_blobs(blobs);
    outbox_init(&o, 1000);
    assert_int_equal(outbox_append_blob(&o, &blobs[0].blob, slice_make(blobs[0].bytes, 16)), LARDER_OK);
    assert_int_equal(outbox_pieces(&o, pieces, 2), 1);
    assert_ptr_equal(pieces[0].iov_base, blobs[0].bytes);
    assert_int_equal(pieces[0].iov_len, 16);
    outbox_sent(&o, 16);
    assert_int_equal(outbox_pending(&o), 0);
    outbox_fini(&o);
    drop_own(blobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_in_order_however_it_is_taken),
        cmocka_unit_test(a_blob_goes_with_its_last_byte),
        cmocka_unit_test(a_blob_may_be_all_there_is),
        cmocka_unit_test(what_is_unsent_is_let_go_once),
        cmocka_unit_test(memory_is_kept_up_to_a_limit),
        cmocka_unit_test(the_limit_holds_for_copied_bytes),
        cmocka_unit_test(what_was_sent_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
