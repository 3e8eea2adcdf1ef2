/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_RING_SAMPLE_H
#define LARDER_CMD_RING_SAMPLE_H

#include "cmd/cmd.h"

/* The samples of a node's part in its cluster of nodes (cluster/cluster.h, peer/peers.h); all of them absent where it is in
 * none. */
void ring_sample(const struct cmd_context *context, struct telemetry_samples *samples);

#endif
