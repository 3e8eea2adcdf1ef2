/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/span.h"

static struct span *span_of(const char *name) {
    struct span *span = malloc(sizeof(*span));

    assert_non_null(span);
    span_init(span, slice_from_string(name), SPAN_CLIENT);
    span->records = true;
    return span;
}

static void test_values(void **state) {
    struct span *span = span_of("get");

    (void)state;
    span_set(span, SLICE("text"), span_text(SLICE("one")));
    span_set(span, SLICE("integer"), span_integer(-5));
    span_set(span, SLICE("real"), span_real(0.5));
    span_set(span, SLICE("truth"), span_truth(true));
    span_set(span, SLICE("text"), span_text(SLICE("another")));
    span_set(span, SLICE(""), span_integer(1));
    assert_int_equal(span->attribute_count, 4);
    assert_int_equal(span->attributes_dropped, 1);
    assert_true(slice_equal(span->name, SLICE("get")));
    assert_true(slice_equal(span->attributes[0].key, SLICE("text")));
    assert_true(slice_equal(span->attributes[0].value.text, SLICE("another")));
    assert_int_equal(span->attributes[1].value.integer, -5);
    assert_true(span->attributes[2].value.real == 0.5);
    assert_true(span->attributes[3].value.truth);
    free(span);
}

static void test_ceilings(void **state) {
    struct span *span = span_of("many");
    char key[2] = {'a', 'a'};

    (void)state;
    for (int i = 0; i < SPAN_ATTRIBUTES_MAX + 3; i++) {
        key[1] = (char)('A' + i);
        span_set(span, slice_make(key, 2), span_integer(i));
    }
    for (int i = 0; i < SPAN_EVENTS_MAX + 2; i++) {
        span_add_event(span, SLICE("e"), i);
    }
    assert_int_equal(span->attribute_count, SPAN_ATTRIBUTES_MAX);
    assert_int_equal(span->attributes_dropped, 3);
    assert_int_equal(span->event_count, SPAN_EVENTS_MAX);
    assert_int_equal(span->events_dropped, 2);
    assert_int_equal(span->events[SPAN_EVENTS_MAX - 1].time_ns, SPAN_EVENTS_MAX - 1);
    free(span);
}

/* A text is cut between characters; what has no room for its key is left out. */
static void test_long_texts(void **state) {
    static char umlauts[2 * SPAN_TEXT_MAX];
    struct span *span = span_of("");

    (void)state;
    for (size_t i = 0; i < sizeof(umlauts); i += 2) {
        memcpy(umlauts + i, "\xc3\xa4", 2);
    }
    span_set(span, SLICE("k"), span_text(slice_make(umlauts, sizeof(umlauts))));
    assert_int_equal(span->attributes[0].value.text.size, SPAN_TEXT_MAX - 2);
    span_set(span, SLICE("another"), span_integer(1));
    span_add_event(span, SLICE("event"), 1);
    span_set_status(span, SPAN_ERROR, SLICE("why"));
    assert_int_equal(span->attribute_count, 1);
    assert_int_equal(span->attributes_dropped, 1);
    assert_int_equal(span->events_dropped, 1);
    assert_int_equal(span->status, SPAN_ERROR);
    assert_int_equal(span->message.size, 1);
    assert_false(span_set_state(span, SLICE("a=1")));
    free(span);
}

static void test_status(void **state) {
    struct span *span = span_of("s");

    (void)state;
    span_set_status(span, SPAN_ERROR, SLICE("first"));
    span_set_status(span, SPAN_UNSET, SLICE(""));
    assert_int_equal(span->status, SPAN_ERROR);
    span_set_status(span, SPAN_OK, SLICE("not kept"));
    span_set_status(span, SPAN_ERROR, SLICE("too late"));
    assert_int_equal(span->status, SPAN_OK);
    assert_int_equal(span->message.size, 0);
    free(span);
}

static void test_what_does_not_record(void **state) {
    struct span *span = span_of("s");

    (void)state;
    span->records = false;
    span_set(span, SLICE("k"), span_integer(1));
    span_add_event(span, SLICE("e"), 1);
    span_set_status(span, SPAN_ERROR, SLICE("why"));
    assert_int_equal(span->attribute_count + span->event_count + span->attributes_dropped + span->events_dropped, 0);
    assert_int_equal(span->status, SPAN_UNSET);
    free(span);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_what_does_not_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
