/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_CLOCK_H
#define LARDER_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_S INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

/* Nanoseconds of a clock that never goes back; its zero means nothing. */
int64_t clock_monotonic_ns(void);

/* Nanoseconds since 1970-01-01 UTC; may jump. */
int64_t clock_wall_ns(void);

#endif
