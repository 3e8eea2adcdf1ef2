/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_SAMPLER_H
#define LARDER_TRACE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/trace_context.h"

/* Which traces are sampled: the samplers of OpenTelemetry's SDK under the names of OTEL_TRACES_SAMPLER. A ratio looks at the
 * trace's id alone (the last 8 bytes, as a number without its lowest bit, as in OpenTelemetry's own libraries), so that all who
 * have the same ratio decide alike. All zeros samples nothing. */
struct sampler {
    bool by_parent; /* a span with a parent does as the parent; the rest holds for roots */
    uint64_t bound; /* traces whose number is below are sampled; SAMPLER_ALL: every one */
};

#define SAMPLER_ALL (UINT64_C(1) << 63)

/* "always_on", "always_off", "traceidratio" with a ratio of 0..1 as `argument` (empty: 1), and each of the three behind
 * "parentbased_". False, ret_sampler untouched: it is none of these, or the argument is no such ratio. */
bool sampler_parse(struct slice name, struct slice argument, struct sampler *ret_sampler);

/* `parent` is NULL for a root. */
bool sampler_decide(const struct sampler *sampler, const struct trace_context *parent,
                    const uint8_t trace_id[TRACE_ID_SIZE]);

#endif
