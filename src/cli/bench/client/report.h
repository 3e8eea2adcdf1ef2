/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CLIENT_REPORT_H
#define LARDER_CLI_BENCH_CLIENT_REPORT_H

#include "cli/bench/client/load.h"

/* Prints it for people. */
void client_report_text(const struct client_config *config, const struct client_report *report);

/* Prints it as one JSON object. */
void client_report_json(const struct client_config *config, const struct client_report *report);

/* Whether every answer was what it should be. */
bool client_report_is_good(const struct client_report *report);

#endif
