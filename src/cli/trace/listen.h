/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_LISTEN_H
#define LARDER_CLI_TRACE_LISTEN_H

#include "cli/trace/gather.h"
#include "net/address.h"

/* A small collector of OTLP over HTTP, for one who looks on. */

enum { LISTEN_CONNECTIONS_MAX = 64 };

struct listen_config {
    const char *program;
    struct address address;
    /* Called when something has come and about every 100 ms. True ends it. */
    bool (*looks)(void *ctx, struct gather *gather, int64_t now_ns);
    void *ctx;
};

/* Until `looks` says so or somebody interrupts. Returns an exit code; what did not work was printed. */
int listen_run(const struct listen_config *config, struct gather *gather);

#endif
