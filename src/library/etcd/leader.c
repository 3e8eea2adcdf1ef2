/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "library/etcd/call.h"
#include "library/etcd/line.h"
#include "library/memory.h"

/* Who leads, asked once. */

enum larder_status larder_etcd_leader(struct larder_etcd *client, const void *name, size_t name_size,
                                      struct larder_etcd_result *result) {
    char why[LARDER_MESSAGE_MAX] = "";
    enum larder_status status = line_check(client, name_size, why);
    struct store_op op;
    char *prefix;

    if (status != LARDER_DONE) {
        return call_fail(result, status, why);
    }
    prefix = memory_new(&client->allocator, 2 * (name_size + 1));
    if (prefix == NULL) {
        return call_fail(result, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    line_first_op(line_write_prefix(name, name_size, prefix), prefix + name_size + 1, &op);
    status = call_do(client, &op, 0, false, result);
    memory_free(&client->allocator, prefix);
    return status == LARDER_DONE ? call_name(result, result->answer.kv_count > 0 ? LARDER_HIT : LARDER_MISS) : status;
}
