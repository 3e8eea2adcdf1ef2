/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the store under a node's key: the first line is the id, the rest the value. Whoever can write there must
 * not break a node. A record that was read is the same after it was written and read again, and whether it was listed or
 * told of by an event. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ring/membership.h"
#include "ring/ring.h"

#define PREFIX SLICE("/larder/c/nodes/")

enum { KEY_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the fuzzer gave, where ASan sees both ends of it. */
struct input {
    char key[KEY_MAX];
    struct kv kv;
    char *value;
};

static void cut(struct input *in, const uint8_t *data, size_t size) {
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t id = end == NULL ? 0 : (size_t)(end - data);
    size_t rest = end == NULL ? size : size - id - 1;

    id = id < KEY_MAX - PREFIX.size ? id : KEY_MAX - PREFIX.size;
    memcpy(in->key, PREFIX.data, PREFIX.size);
    memcpy(in->key + PREFIX.size, data, id);
    in->value = malloc(rest + 1);
    assert(in->value != NULL);
    memcpy(in->value, data + size - rest, rest);
    in->kv = (struct kv){
        .key = slice_make(in->key, PREFIX.size + id),
        .value = slice_make(in->value, rest),
        .create_revision = 3,
        .mod_revision = 4,
    };
}

static struct membership *list(const struct kv *kv, size_t *ret_bad) {
    struct membership *m;
    enum larder_error error = membership_read(PREFIX, kv, 1, 9, &m, ret_bad);

    assert(error == LARDER_OK);
    return m;
}

static void check_event(const struct kv *kv, const struct membership *listed) {
    const struct kv_event event = {.kind = KV_EVENT_PUT, .kv = *kv};
    struct membership *nobody, *told;
    size_t bad;

    assert(membership_read(PREFIX, NULL, 0, 1, &nobody, &bad) == LARDER_OK);
    assert(membership_apply(nobody, PREFIX, &event, 1, 9, &told, &bad) == LARDER_OK);
    assert(told->digest == listed->digest && told->count == listed->count && bad == 1 - listed->count);
    membership_unref(told);
    membership_unref(nobody);
}

static void check_again(const struct kv *kv, const struct membership *listed) {
    const struct member *member = &listed->members[0];
    struct kv written = *kv;
    struct membership *again;
    struct buf value;
    size_t bad;

    assert(member_id_problem(member->id) == NULL && member->address.size <= MEMBER_ADDRESS_MAX);
    assert(membership_find(listed, member->id) == member && member->incarnation == 3);
    buf_init(&value, MEMBER_RECORD_MAX);
    assert(member_record_write(member, &value) == LARDER_OK);
    written.value = buf_slice(&value);
    again = list(&written, &bad);
    assert(bad == 0 && again->digest == listed->digest);
    assert(slice_equal(again->members[0].address, member->address));
    membership_unref(again);
    buf_fini(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in;
    struct membership *m;
    size_t bad;

    cut(&in, data, size);
    m = list(&in.kv, &bad);
    assert(m->count + bad == 1);
    check_event(&in.kv, m);
    if (m->count == 1) {
        check_again(&in.kv, m);
    }
    membership_unref(m);
    free(in.value);
    return 0;
}
