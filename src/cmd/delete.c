/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/access.h"
#include "cmd/cmd.h"

void cmd_delete(struct cmd_context *context, const struct request *request, struct reply *reply) {
    struct access access;

    access_begin(&access, context, request->key, reply);
    if (!access_elsewhere(&access, context, request, reply)) {
        memory_delete(&access.memory, request, reply);
    }
    access_end(&access, context);
}
