/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TELEMETRY_PROCESS_H
#define LARDER_TELEMETRY_PROCESS_H

#include "telemetry/snapshot.h"

/* Fills the samples of this process: CPU time, resident memory, open and allowed file descriptors. What the system does
 * not tell stays as it was. */
void telemetry_sample_process(struct telemetry_samples *samples);

#endif
