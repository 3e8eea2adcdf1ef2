/* SPDX-License-Identifier: Apache-2.0 */
#include "model/command.h"

#include <assert.h>

static const char *const labels[] = {
#define COMMAND(name, label, kind) label,
#include "model/commands.def"
#undef COMMAND
};

const char *command_label(enum command command) {
    assert(command < COMMAND_COUNT);
    return labels[command];
}
