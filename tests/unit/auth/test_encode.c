/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/internal.h"
#include "helper.h"

static struct auth_state *some_state(void) {
    struct auth_state *state = state_with_root("hash of root");

    add_user(&state, "ann", "hash of ann");
    must_change(&state, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("bob"), .no_password = true});
    add_role(&state, "r");
    grant(&state, "ann", "r");
    permit(&state, "r", AUTH_READ, SLICE("a"), SLICE("b"));
    permit(&state, "r", AUTH_WRITE, BYTES("\0"), BYTES("\0"));
    return state;
}

static void encode(const struct auth_state *state, struct buf *b) {
    buf_init(b, AUTH_STATE_BYTES_MAX);
    assert_int_equal(auth_encode_state(state, b), LARDER_OK);
    assert_int_equal(b->size, state_encoded_size(state));
}

static enum larder_error decode(struct slice bytes) {
    struct auth_state *state = NULL;
    enum larder_error error = auth_decode_state(bytes, &state);

    auth_state_unref(state);
    return error;
}

static void test_there_and_back(void **unused) {
    struct auth_state *state = some_state();
    struct auth_state *back;
    const struct auth_user *ann;
    struct buf first;
    struct buf second;

    (void)unused;
    encode(state, &first);
    assert_int_equal(auth_decode_state(buf_slice(&first), &back), LARDER_OK);
    encode(back, &second);
    assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
    assert_true(auth_state_enabled(back));
    assert_int_equal(auth_state_revision(back), auth_state_revision(state));
    ann = auth_state_user(back, SLICE("ann"));
    assert_string_equal(ann->hash.data, "hash of ann");
    assert_int_equal(ann->id, auth_state_user(state, SLICE("ann"))->id);
    assert_int_equal(ann->granted_count, 1);
    assert_true(auth_state_user(back, SLICE("bob"))->no_password);
    assert_true(auth_state_user(back, SLICE("root"))->is_root);
    assert_int_equal(auth_state_role(back, SLICE("r"))->permission_count, 2);
    buf_fini(&first);
    buf_fini(&second);
    auth_state_unref(back);
    auth_state_unref(state);
}

static void test_new(void **unused) {
    struct auth_state *state = auth_state_new();
    struct buf b;

    (void)unused;
    encode(state, &b);
    assert_int_equal(decode(buf_slice(&b)), LARDER_OK);
    buf_fini(&b);
    auth_state_unref(state);
}

static void test_cut(void **unused) {
    struct auth_state *state = some_state();
    struct buf b;

    (void)unused;
    encode(state, &b);
    for (size_t size = 0; size < b.size; size++) {
        assert_int_equal(decode(slice_make(b.data, size)), LARDER_ERROR_INVALID);
    }
    assert_int_equal(buf_append(&b, "", 1), LARDER_OK);
    assert_int_equal(decode(buf_slice(&b)), LARDER_ERROR_INVALID);
    buf_fini(&b);
    auth_state_unref(state);
}

/* With another byte at `place`. */
static enum larder_error decode_with(const struct auth_state *state, size_t place, char byte) {
    enum larder_error error;
    struct buf b;

    encode(state, &b);
    assert_true(place < b.size);
    b.data[place] = byte;
    error = decode(buf_slice(&b));
    buf_fini(&b);
    return error;
}

static size_t place_of(const struct auth_state *state, struct slice text) {
    const char *found;
    size_t place;
    struct buf b;

    encode(state, &b);
    found = memmem(b.data, b.size, text.data, text.size);
    assert_non_null(found);
    place = (size_t)(found - b.data);
    buf_fini(&b);
    return place;
}

static void test_wrong(void **unused) {
    struct auth_state *state = some_state();
    size_t ann = place_of(state, SLICE("\3\0\0\0ann"));

    (void)unused;
    assert_int_equal(decode_with(state, 0, 'b'), LARDER_ERROR_INVALID);
    assert_int_equal(decode_with(state, 4, 2), LARDER_ERROR_UNSUPPORTED);
    assert_int_equal(decode_with(state, 4, 0), LARDER_ERROR_INVALID);
    assert_int_equal(decode_with(state, 5, 2), LARDER_ERROR_INVALID);
    /* The revision is lower than that which has added a user. */
    assert_int_equal(decode_with(state, 6, 1), LARDER_ERROR_INVALID);
    /* How many roles there are. */
    assert_int_equal(decode_with(state, 14 + 3, 1), LARDER_ERROR_INVALID);
    /* Out of order, or with a NUL. */
    assert_int_equal(decode_with(state, ann + 4, 'z'), LARDER_ERROR_INVALID);
    assert_int_equal(decode_with(state, ann + 5, '\0'), LARDER_ERROR_INVALID);
    /* Of ann's hash, then of her roles: there is no such role. */
    assert_int_equal(decode_with(state, place_of(state, SLICE("hash of ann")) + 11 + 4 + 4, 'q'), LARDER_ERROR_INVALID);
    /* The type of a permission. */
    assert_int_equal(decode_with(state, place_of(state, SLICE("\1\0\0\0a\1\0\0\0b")) - 1, 3), LARDER_ERROR_INVALID);
    auth_state_unref(state);
}

static void test_too_large(void **unused) {
    static char bytes[AUTH_STATE_BYTES_MAX + 1];

    (void)unused;
    assert_int_equal(decode(slice_make(bytes, sizeof(bytes))), LARDER_ERROR_LIMIT);
}

static void test_no_room(void **unused) {
    struct auth_state *state = some_state();
    struct buf b;

    (void)unused;
    buf_init(&b, state_encoded_size(state) - 1);
    assert_int_equal(auth_encode_state(state, &b), LARDER_ERROR_LIMIT);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
    auth_state_unref(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_new),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_wrong),          cmocka_unit_test(test_too_large), cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
