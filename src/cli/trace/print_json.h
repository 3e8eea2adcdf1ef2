/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_PRINT_JSON_H
#define LARDER_CLI_TRACE_PRINT_JSON_H

#include "cli/trace/tree.h"

/* Prints the trace as one line of JSON: {"trace_id":..., "spans":[...]}, spans within spans by "children". */
void print_trace_json(const struct trace_tree *tree);

#endif
