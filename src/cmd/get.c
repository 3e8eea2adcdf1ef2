/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "cmd/access.h"
#include "cmd/cmd.h"

void cmd_get(struct cmd_context *context, const struct request *request, struct reply *reply) {
    struct access access;

    access_begin(&access, context, request->key, reply);
    if (!access_elsewhere(&access, context, request, reply)) {
        memory_get(&access.memory, request, reply);
    }
    access_end(&access, context);
    if (access.expired) {
        telemetry_count(context->telemetry, COUNTER_GET_EXPIRED, 1);
    }
}

void cmd_inspect(struct cmd_context *context, const struct request *request, struct reply *reply) {
    struct access access;

    access_begin(&access, context, request->key, reply);
    if (!access_elsewhere(&access, context, request, reply)) {
        memory_inspect(&access.memory, request, reply);
    }
}

void cmd_foresee(const struct cmd_context *context, const struct slice *keys, size_t count) {
    const struct table *table = context->node->table;
    uint64_t hashes[CMD_FORESEE_MAX];

    assert(count <= CMD_FORESEE_MAX);
    if (context->shared_worker != NULL) {
        for (size_t i = 0; i < count; i++) {
            keeper_prefetch(context->shared_worker->view, keys[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = table_hash(table, keys[i]);
        table_prefetch(table, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        table_prefetch_entry(table, hashes[i]);
    }
}
