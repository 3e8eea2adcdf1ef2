/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

/* Where things lie in a head; see entry.h. */
enum {
    AT_VERSION = 1,
    AT_KIND = 2,
    AT_FLAGS = 3,
    AT_STATUS = 4,
    AT_FIELDS = 6,
    AT_HEAD = 8,
    AT_TEXTS = 12,
    AT_ZERO = 18,
    AT_BODY = 20,
    AT_TIMES = 28
};

static const char body[] = "the body";

static struct origin_entry example(void) {
    struct origin_entry e = {
        .kind = ORIGIN_ANSWER,
        .status = 203,
        .flags = ORIGIN_DATED | ORIGIN_IMMUTABLE | ORIGIN_BY_EXPIRES,
        .asked_ms = NOW_MS - 7,
        .answered_ms = NOW_MS,
        .held_ms = NOW_MS + 9,
        .date = NOW_S - 1,
        .initial_age_ms = 11,
        .lifetime_ms = ORIGIN_SPAN_MAX,
        .while_revalidate_ms = 13,
        .if_error_ms = 17,
        .etag = SLICE("W/\"a\""),
        .last_modified = SLICE("Sun Nov  6 08:49:37 1994"),
        .content_type = SLICE("image/webp"),
        .body = SLICE("the body"),
    };

    assert_true(origin_fields_add(&e.fields, SLICE("Content-Language"), SLICE("de")));
    assert_true(origin_fields_add(&e.fields, SLICE("Vary"), SLICE("")));
    assert_true(origin_fields_add(&e.fields, SLICE("Vary"), SLICE("accept-encoding")));
    return e;
}

/* The value of an entry, of exactly its size; the caller frees it. */
static char *write_value(const struct origin_entry *e, size_t *ret_size) {
    size_t size = 0;
    char *value;

    assert_int_equal(origin_entry_head_size(e, &size), LARDER_OK);
    value = malloc(size + e->body.size);
    assert_non_null(value);
    assert_int_equal(origin_entry_write_head(e, value), size);
    if (e->body.size > 0) {
        memcpy(value + size, e->body.data, e->body.size);
    }
    *ret_size = size + e->body.size;
    return value;
}

static void assert_same(const struct origin_entry *a, const struct origin_entry *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->asked_ms, b->asked_ms);
    assert_int_equal(a->answered_ms, b->answered_ms);
    assert_int_equal(a->held_ms, b->held_ms);
    assert_int_equal(a->date, b->date);
    assert_int_equal(a->initial_age_ms, b->initial_age_ms);
    assert_int_equal(a->lifetime_ms, b->lifetime_ms);
    assert_int_equal(a->while_revalidate_ms, b->while_revalidate_ms);
    assert_int_equal(a->if_error_ms, b->if_error_ms);
    assert_true(slice_equal(a->etag, b->etag) && slice_equal(a->last_modified, b->last_modified) &&
                slice_equal(a->content_type, b->content_type) && slice_equal(a->body, b->body));
    assert_int_equal(a->fields.count, b->fields.count);
    assert_int_equal(a->fields.size, b->fields.size);
    for (unsigned i = 0; i < a->fields.count; i++) {
        assert_true(slice_equal(a->fields.all[i].name, b->fields.all[i].name) &&
                    slice_equal(a->fields.all[i].value, b->fields.all[i].value));
    }
}

static void check_round(const struct origin_entry *e) {
    struct origin_entry read;
    size_t size;
    char *value = write_value(e, &size);

    assert_int_equal(origin_entry_read(slice_make(value, size), &read), LARDER_OK);
    assert_same(e, &read);
    free(value);
}

static void comes_back_as_it_was(void **state) {
    struct origin_entry e = example();

    (void)state;
    check_round(&e);
    e.date = -62167219200;
    e.kind = ORIGIN_ABSENT;
    e.status = 404;
    e.body = slice_make(NULL, 0);
    check_round(&e);
    e = (struct origin_entry){.kind = ORIGIN_MARKER, .answered_ms = NOW_MS, .lifetime_ms = 60000};
    check_round(&e);
    e = (struct origin_entry){.kind = ORIGIN_ERROR, .status = 502};
    check_round(&e);
}

/* The bytes are a format that other nodes read. */
static void has_its_layout(void **state) {
    static const unsigned char head[] = {
        0x96, 1,    2,    1,    1,    0xf6, 0,    1,            /* magic, version, kind, flags, status, fields */
        0,    0,    0,    104,  0,    3,    0,    0,    0,   1, /* sizes of the head and the texts */
        0,    0,    0,    0,    0,    0,    0,    0,    0,   2, /* zero; the body's size */
        0,    0,    0,    0,    0,    0,    0,    1,            /* asked */
        0,    0,    0,    0,    0,    0,    1,    2,            /* answered */
        0,    0,    0,    0,    0,    0,    0,    3,            /* held */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,         /* Date */
        0,    0,    0,    0,    0,    0,    0,    5,            /* initial age */
        0,    0,    0,    0,    0,    0,    0,    6,            /* lifetime */
        0,    0,    0,    0,    0,    0,    0,    7,            /* stale-while-revalidate */
        0,    0,    0,    0,    0,    0,    0,    8,            /* stale-if-error */
        '"',  'e',  '"',  't',  0,    1,    0,    3,    'n', 'v', 'a', 'l',
    };
    struct origin_entry e = {
        .kind = ORIGIN_ERROR,
        .status = 502,
        .flags = ORIGIN_NO_CACHE,
        .asked_ms = 1,
        .answered_ms = 258,
        .held_ms = 3,
        .date = -4,
        .initial_age_ms = 5,
        .lifetime_ms = 6,
        .while_revalidate_ms = 7,
        .if_error_ms = 8,
        .etag = SLICE("\"e\""),
        .content_type = SLICE("t"),
        .body = SLICE("bb"),
    };
    size_t size;
    char *value;

    (void)state;
    assert_true(origin_fields_add(&e.fields, SLICE("n"), SLICE("val")));
    value = write_value(&e, &size);
    assert_int_equal(size, sizeof(head) + 2);
    assert_memory_equal(value, head, sizeof(head));
    free(value);
}

static void is_changed_where_it_lies(void **state) {
    struct origin_entry e = example();
    struct origin_entry read;
    size_t size;
    char *value = write_value(&e, &size);

    (void)state;
    origin_entry_hold(value, NOW_MS + 77);
    e.held_ms = NOW_MS + 77;
    assert_int_equal(origin_entry_read(slice_make(value, size), &read), LARDER_OK);
    assert_same(&e, &read);
    origin_entry_set_body_size(value, e.body.size - 1);
    assert_int_equal(origin_entry_read(slice_make(value, size), &read), LARDER_ERROR_INVALID);
    assert_int_equal(origin_entry_read(slice_make(value, size - 1), &read), LARDER_OK);
    e.body.size--;
    assert_same(&e, &read);
    free(value);
}

/* Every shorter value, read from memory of just its size so that a sanitizer sees a step too far; and longer ones. */
static void refuses_other_sizes(void **state) {
    const struct origin_entry e = example();
    struct origin_entry read;
    size_t size;
    char *value = write_value(&e, &size);
    char *longer = calloc(1, size + 1);

    (void)state;
    assert_non_null(longer);
    for (size_t i = 0; i < size; i++) {
        char *cut = malloc(i + 1);

        assert_non_null(cut);
        memcpy(cut + 1, value, i);
        assert_int_equal(origin_entry_read(slice_make(cut + 1, i), &read), LARDER_ERROR_INVALID);
        free(cut);
    }
    memcpy(longer, value, size);
    assert_int_equal(origin_entry_read(slice_make(longer, size + 1), &read), LARDER_ERROR_INVALID);
    free(longer);
    free(value);
}

static void refuses_what_is_damaged(void **state) {
    static const struct {
        const char *what;
        size_t at;
        unsigned char byte;
    } rows[] = {
        {"magic", 0, 0x97},
        {"version", AT_VERSION, 2},
        {"kind", AT_KIND, ORIGIN_KIND_COUNT},
        {"a marker with a status", AT_KIND, ORIGIN_MARKER},
        {"flags", AT_FLAGS, ORIGIN_FLAGS_ALL + 1},
        {"status of 715", AT_STATUS, 2},
        {"fewer fields", AT_FIELDS + 1, 2},
        {"more fields", AT_FIELDS + 1, 4},
        {"many fields", AT_FIELDS, 1},
        {"a larger head", AT_HEAD, 1},
        {"a smaller head", AT_HEAD + 3, 3},
        {"a longer etag", AT_TEXTS, 1},
        {"a shorter etag", AT_TEXTS + 1, 1},
        {"a longer type", AT_TEXTS + 4, 0xff},
        {"what is to be zero", AT_ZERO + 1, 1},
        {"a larger body", AT_BODY + 7, 9},
        {"a huge body", AT_BODY, 0xff},
        {"asked before 1970", AT_TIMES, 0x80},
        {"answered too late", AT_TIMES + 8, 1},
        {"held too late", AT_TIMES + 16, 1},
        {"no date", AT_TIMES + 24, 0x70},
        {"a negative age", AT_TIMES + 32, 0x80},
        {"too long a life", AT_TIMES + 40, 1},
        {"a negative time", AT_TIMES + 48, 0xff},
        {"too long a time", AT_TIMES + 56, 1},
        {"an etag without its quote", ORIGIN_ENTRY_FIXED + 2, 'a'},
        {"a line end in a text", ORIGIN_ENTRY_FIXED + 8, '\n'},
    };
    const struct origin_entry e = example();
    struct origin_entry read;
    size_t size;
    char *value = write_value(&e, &size);

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        char byte = value[rows[i].at];

        value[rows[i].at] = (char)rows[i].byte;
        if (origin_entry_read(slice_make(value, size), &read) != LARDER_ERROR_INVALID) {
            fail_msg("%s", rows[i].what);
        }
        value[rows[i].at] = byte;
    }
    assert_int_equal(origin_entry_read(slice_make(value, size), &read), LARDER_OK);
    /* What ends a line in a field would begin another one in the answer to a client. */
    for (size_t i = size - e.body.size - e.fields.size; i < size - e.body.size; i++) {
        char byte = value[i];

        value[i] = '\r';
        assert_int_equal(origin_entry_read(slice_make(value, size), &read), LARDER_ERROR_INVALID);
        value[i] = byte;
    }
    free(value);
}

static void refuses_to_write(void **state) {
    static char text[ORIGIN_ENTRY_TEXT_MAX + 1];
    struct origin_entry e = example();
    size_t size = 7;

    (void)state;
    memset(text, 'a', sizeof(text));
    e.content_type = slice_make(text, sizeof(text));
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_ERROR_LIMIT);
    e.content_type.size--;
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_OK);
    size = 7;
    e.content_type = SLICE("a\r\nb: c");
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_ERROR_INVALID);
    e = example();
    e.status = 304;
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_ERROR_INVALID);
    e = example();
    e.lifetime_ms = -1;
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_ERROR_INVALID);
    e = (struct origin_entry){.kind = ORIGIN_MARKER, .body = slice_make(body, 1)};
    assert_int_equal(origin_entry_head_size(&e, &size), LARDER_ERROR_INVALID);
    assert_int_equal(size, 7);
}

/* --- lists of fields --- */

static void keeps_fields_within_ceilings(void **state) {
    static char text[ORIGIN_FIELD_VALUE_MAX + 1];
    struct origin_fields f;

    (void)state;
    memset(text, 'a', sizeof(text));
    origin_fields_clear(&f);
    assert_false(origin_fields_add(&f, SLICE(""), SLICE("a")));
    assert_false(origin_fields_add(&f, SLICE("a b"), SLICE("a")));
    assert_false(origin_fields_add(&f, SLICE("a:"), SLICE("a")));
    assert_false(origin_fields_add(&f, SLICE("a"), SLICE("a\nb")));
    assert_false(origin_fields_add(&f, slice_make(text, ORIGIN_FIELD_NAME_MAX + 1), SLICE("a")));
    assert_false(origin_fields_add(&f, SLICE("a"), slice_make(text, ORIGIN_FIELD_VALUE_MAX + 1)));
    assert_int_equal(f.count + f.size, 0);
    assert_true(origin_fields_add(&f, SLICE("a"), slice_make(text, ORIGIN_FIELD_VALUE_MAX)));
    assert_false(origin_fields_add(&f, SLICE("a"), slice_make(text, ORIGIN_FIELD_VALUE_MAX)));
    origin_fields_remove(&f, SLICE("A"));
    assert_int_equal(f.count + f.size, 0);
    for (unsigned i = 0; i < ORIGIN_FIELDS_MAX; i++) {
        assert_true(origin_fields_add(&f, i % 2 == 0 ? SLICE("even") : SLICE("odd"), SLICE("x")));
    }
    assert_false(origin_fields_add(&f, SLICE("a"), SLICE("x")));
    origin_fields_remove(&f, SLICE("Even"));
    assert_int_equal(f.count, ORIGIN_FIELDS_MAX / 2);
    assert_int_equal(f.size, f.count * (ORIGIN_FIELD_OVERHEAD + 4));
    assert_true(origin_fields_have(&f, SLICE("ODD")) && !origin_fields_have(&f, SLICE("even")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),         cmocka_unit_test(has_its_layout),
        cmocka_unit_test(is_changed_where_it_lies),     cmocka_unit_test(refuses_other_sizes),
        cmocka_unit_test(refuses_what_is_damaged),      cmocka_unit_test(refuses_to_write),
        cmocka_unit_test(keeps_fields_within_ceilings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
