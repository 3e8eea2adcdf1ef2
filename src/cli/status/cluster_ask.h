/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STATUS_CLUSTER_ASK_H
#define LARDER_CLI_STATUS_CLUSTER_ASK_H

#include "cli/status/cluster.h"
#include "net/tls.h"

/* Whom to ask, and as whom. */
struct cluster_question {
    const char *program; /* in front of what is printed when it fails */
    const char *endpoints;
    const char *user; /* "NAME:PASSWORD"; NULL: nobody */
    struct tls_files tls;
    int64_t timeout_ns; /* of each of two rounds: those named, then those that they name */
};

/* Asks every member of a cluster how it is, each on a connection of its own, so that none answers for another: those
 * named, and those that they name. Returns EXIT_CODE_OK if any has answered; EXIT_CODE_UNREACHABLE if none has, with
 * why in the look; another exit code when it could not be tried, and the reason was printed. */
int cluster_ask(const struct cluster_question *question, struct cluster_look *ret_look);

#endif
