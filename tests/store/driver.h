/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_DRIVER_H
#define LARDER_TESTS_STORE_DRIVER_H

#include <jansson.h>

#include "base/arena.h"
#include "store/store.h"

/* Lets a test in another language call the embedded store: one JSON object a line goes in, one comes out. Bytes are
 * base64 (RFC 4648, section 4), an absent member is empty, 0 or false.
 *
 *   {"op": "range", "key", "range_end", "revision", "limit", "sort_order": "NONE" | "ASCEND" | "DESCEND",
 *    "sort_target": "KEY" | "VERSION" | "CREATE" | "MOD" | "VALUE", "serializable", "keys_only", "count_only",
 *    "min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"}
 *   {"op": "put", "key", "value", "lease", "prev_kv", "ignore_value", "ignore_lease"}
 *   {"op": "delete", "key", "range_end", "prev_kv"}
 *   {"op": "txn", "compare": [{"key", "range_end", "result": "EQUAL" | "GREATER" | "LESS" | "NOT_EQUAL",
 *    "target": "VERSION" | "CREATE" | "MOD" | "VALUE" | "LEASE", "number", "value"}...],
 *    "success": [range, put, delete or txn...], "failure": [...]}
 *   {"op": "compact", "revision"}
 *   {"op": "grant", "lease", "ttl"}   {"op": "revoke", "lease"}   {"op": "keep_alive", "lease"}
 *   {"op": "ttl", "lease", "keys"}    {"op": "leases"}
 *
 * are answered {"status", "revision", "result"}: the status by its name in status.def, "OK" if it went well; the result
 * has what store_result holds of such an operation: "kvs" ({"key", "value", "create_revision", "mod_revision",
 * "version", "lease"}), "count", "more", "succeeded", "results", "lease", "ttl", "granted_ttl", "leases", "keys".
 *
 *   {"op": "pipeline", "ops": [...]} hands such operations in one behind the other and only then waits. Answer:
 *   {"status", "answers": [...]}
 *
 *   {"op": "watch", "watch", "key", "range_end", "start_revision", "prev_kv", "no_put", "no_delete"}
 *    "watch" is a number of the caller's choice below WATCHES_MAX. Answer: {"status", "revision"}
 *   {"op": "next", "watch", "max_bytes" (0: 1 MiB)}
 *    Answer: {"status", "revision", "compact_revision", "more", "events": [{"type": "PUT" | "DELETE", "kv", "prev_kv"}]}
 *   {"op": "close", "watch"}          Answer: {"status"}
 *   {"op": "figures"}                 Answer: {"status", and the numbers of store_figures by their names}
 *
 * A line that says something else is the caller's mistake: {"error": why} and exit status 2. */

enum { WATCHES_MAX = 256, VALUE_BYTES_MAX = 64 << 20 };

/* --- request.c: what a line asks for --- */

/* Reads an operation, whose slices and arrays then live in the arena. False: *ret_why is a static text. */
bool request_op(json_t *line, struct arena *arena, struct store_op *ret_op, const char **ret_why);
bool request_watch(json_t *line, struct arena *arena, struct store_watch *ret_watch, const char **ret_why);

/* A number, 0 if it is not there. */
int64_t request_number(json_t *line, const char *name);

/* --- answer.c: and what is said --- */

const char *answer_status_name(enum store_status status);
json_t *answer_call(const struct store_call *call);
json_t *answer_batch(const struct store_batch *batch);
json_t *answer_figures(const struct store_figures *figures);

/* --- load.c --- */

struct load {
    uint64_t seed;
    int64_t first; /* operations [first, first + count) of the sequence that the seed has */
    int64_t count;
    size_t in_flight;
    bool plan; /* say what the operations are, without a store */
};

enum { LOAD_IN_FLIGHT_MAX = 64 };

/* Hands in operation after operation without waiting for answers, `in_flight` at a time, and says of each answer
 * "ack N REVISION" or "fail N STATUS" in one write to the standard output, before the store's thread goes on. At the end
 * "done REVISION". Returns the exit status: 1 if the output broke. */
int load_run(struct store *s, const struct load *load);

/* Says for each operation one line of JSON: {"n", "put": [[key, value]...], "delete": [key...]}, plain text. */
int load_plan(const struct load *load);

#endif
