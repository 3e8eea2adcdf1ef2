/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a groupcache peer, from whoever answers: where protobuf-c reads it too, both see the same; and what stands in
 * front of a value leads to it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/groupcache/groupcache.pb-c.h"
#include "proto/groupcache/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct groupcache_response *ours, const Groupcachepb__GetResponse *other) {
    double minute_qps = other->has_minute_qps ? other->minute_qps : 0;

    assert(ours->value.size == (other->has_value ? other->value.len : 0));
    assert(ours->value.size == 0 || memcmp(ours->value.data, other->value.data, ours->value.size) == 0);
    assert(memcmp(&ours->minute_qps, &minute_qps, sizeof(minute_qps)) == 0);
}

static void check_head(const char *value, size_t size) {
    char *body = malloc(size + GROUPCACHE_RESPONSE_HEAD_MAX);
    struct groupcache_response response;
    size_t head;

    assert(body != NULL);
    head = groupcache_response_head(size, body);
    if (size > 0) {
        memcpy(body + head, value, size);
    }
    assert(groupcache_response_read(slice_make(body, head + size), &response));
    assert(response.value.data == body + head && response.value.size == size);
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct groupcache_response response;
    char *exact = malloc(size + 1);

    assert(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    if (groupcache_response_read(slice_make(exact, size), &response)) {
        Groupcachepb__GetResponse *other = groupcachepb__get_response__unpack(NULL, size, data);

        /* It refuses more: sizes and tags in more bytes than they need. */
        if (other != NULL) {
            compare(&response, other);
            groupcachepb__get_response__free_unpacked(other, NULL);
        }
    }
    check_head(exact, size);
    free(exact);
    return 0;
}
