/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_OTLP_ANSWER_H
#define LARDER_EXPORT_OTLP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What a collector says with status 200: ExportTraceServiceResponse or ExportMetricsServiceResponse, which differ in names alone
 * (opentelemetry.io/docs/specs/otlp, "Partial Success"). */

enum { OTLP_MESSAGE_MAX = 256 };

struct otlp_answer {
    uint64_t rejected;              /* spans or data points */
    char message[OTLP_MESSAGE_MAX]; /* one line for people, maybe cut; "": none */
};

/* Reads a whole body; of fields that come twice the last one counts. False: it is no such message, and *ret_answer says
 * nothing. */
bool otlp_answer_read(struct slice body, struct otlp_answer *ret_answer);

#endif
