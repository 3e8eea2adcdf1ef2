/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/bucket.h"

#include "base/clock.h"

void grpc_bucket_init(struct grpc_bucket *bucket, uint32_t capacity, uint32_t per_s, int64_t now_ns) {
    *bucket = (struct grpc_bucket){.capacity = capacity, .per_s = per_s, .left = capacity, .filled_ns = now_ns};
}

static void refill(struct grpc_bucket *bucket, int64_t now_ns) {
    int64_t each_ns = CLOCK_NS_PER_S / bucket->per_s;
    int64_t count = (now_ns - bucket->filled_ns) / each_ns;

    if (count >= bucket->capacity - bucket->left) {
        bucket->left = bucket->capacity;
        bucket->filled_ns = now_ns;
    } else {
        bucket->left += (uint32_t)count;
        bucket->filled_ns += count * each_ns;
    }
}

bool grpc_bucket_take(struct grpc_bucket *bucket, int64_t now_ns) {
    refill(bucket, now_ns);
    if (bucket->left == 0) {
        return false;
    }
    bucket->left--;
    return true;
}
