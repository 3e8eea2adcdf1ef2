/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_COMMAND_H
#define LARDER_MODEL_COMMAND_H

/* The operations of commands.def. */
enum command {
#define COMMAND(name, label, kind) COMMAND_##name,
#include "model/commands.def"
#undef COMMAND
    COMMAND_COUNT
};

/* The label of commands.def; static. */
const char *command_label(enum command command);

#endif
