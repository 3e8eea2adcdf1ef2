/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

static double object_ratio(const struct report *r, const struct replay_result *result) {
    return (double)result->misses / r->load->count;
}

static double byte_ratio(const struct report *r, const struct replay_result *result) {
    return (double)result->missed_bytes / (double)r->load->requested_bytes;
}

static void table(const struct report *r, FILE *out, const char *what,
                  double (*ratio)(const struct report *, const struct replay_result *)) {
    int width = (int)strlen("policy");
    for (size_t p = 0; p < r->policy_count; p++) {
        if ((int)strlen(r->policies[p]) > width) {
            width = (int)strlen(r->policies[p]);
        }
    }
    fprintf(out, "%s: %" PRIu32 " requests, %" PRIu32 " objects; %s missed, %%, by cache size\n%-*s", r->load->name,
            r->load->count, r->load->objects, what, width, "policy");
    for (size_t s = 0; s < r->size_count; s++) {
        fprintf(out, " %6g%%", r->percents[s]);
    }
    for (size_t p = 0; p < r->policy_count; p++) {
        fprintf(out, "\n%-*s", width, r->policies[p]);
        for (size_t s = 0; s < r->size_count; s++) {
            fprintf(out, " %7.2f", 100 * ratio(r, &r->results[p * r->size_count + s]));
        }
    }
    fputs("\n\n", out);
}

void report_table(const struct report *report, FILE *out) {
    table(report, out, "objects", object_ratio);
    if (!report->load->unit_sizes) {
        table(report, out, "bytes", byte_ratio);
    }
}

void report_json(const struct report *r, FILE *out) {
    for (size_t p = 0; p < r->policy_count; p++) {
        for (size_t s = 0; s < r->size_count; s++) {
            const struct replay_result *result = &r->results[p * r->size_count + s];
            fprintf(out,
                    "{\"load\": \"%s\", \"policy\": \"%s\", \"percent\": %g, \"capacity\": %" PRIu64
                    ", \"requests\": %" PRIu32 ", \"objects\": %" PRIu32
                    ", \"object_miss_ratio\": %.6f, \"byte_miss_ratio\": %.6f, \"moved_bytes\": %" PRIu64
                    ", \"missed_bytes\": %" PRIu64 ", \"most_segments\": %" PRIu64 "}\n",
                    r->load->name, r->policies[p], r->percents[s], r->capacities[s], r->load->count, r->load->objects,
                    object_ratio(r, result), byte_ratio(r, result), result->work.moved_bytes, result->missed_bytes,
                    result->work.most_segments);
        }
    }
}
