/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_BUCKET_H
#define LARDER_PROTO_GRPC_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* How often something may happen: `capacity` times at once, `per_s` times a second in the long run. */
struct grpc_bucket {
    uint32_t capacity;
    uint32_t per_s;
    uint32_t left;
    int64_t filled_ns; /* when it was last refilled */
};

/* Full. `now_ns` is a time of base/clock.h's monotonic clock. */
void grpc_bucket_init(struct grpc_bucket *bucket, uint32_t capacity, uint32_t per_s, int64_t now_ns);

/* Whether it may happen once more; takes note of it then. */
bool grpc_bucket_take(struct grpc_bucket *bucket, int64_t now_ns);

#endif
