/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_HOT_SAMPLE_H
#define LARDER_CMD_HOT_SAMPLE_H

#include "cmd/context.h"

/* How many keys are hot, and how hot the hottest is. */
void hot_sample(const struct cmd_node *node, struct telemetry_samples *samples);

#endif
