/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "store/store.h"

/* What was asked of one group. */
struct use {
    uint64_t requests;
    uint64_t hits;
    uint64_t misses;
    uint64_t errors;
    uint64_t refused;
    uint64_t absent;
    uint64_t failed;
    /* Of keys and by clients: other nodes' requests are clients' requests there. */
    uint64_t client_requests;
    uint64_t client_hits;
    uint64_t client_misses;
};

static bool is_clients(const struct telemetry_total *total) {
    return total->protocol != PROTOCOL_PEER &&
           total->command < COMMAND_COMPACT; /* from there on they are about the node */
}

static void add_use(struct use *uses, const struct telemetry_snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->total_count; i++) {
        const struct telemetry_total *total = &snapshot->totals[i];
        struct use *use = &uses[total->group];

        use->requests += total->count;
        use->hits += total->result == RESULT_CLASS_HIT ? total->count : 0;
        use->misses += total->result == RESULT_CLASS_MISS ? total->count : 0;
        use->errors += total->result == RESULT_CLASS_ERROR ? total->count : 0;
        use->absent += total->result == RESULT_CLASS_ABSENT ? total->count : 0;
        use->failed += total->result == RESULT_CLASS_FAILED ? total->count : 0;
        use->refused += total->result == RESULT_CLASS_REFUSED ? total->count : 0;
        if (is_clients(total)) {
            use->client_requests += total->count;
            use->client_hits += total->result == RESULT_CLASS_HIT ? total->count : 0;
            use->client_misses += total->result == RESULT_CLASS_MISS ? total->count : 0;
        }
    }
}

/* Appends as buf_printf does, unless something failed before. */
#define APPEND(error, out, ...) ((error) == LARDER_OK ? buf_printf((out), __VA_ARGS__) : (error))

static const char *const backing_words[] = {
    [GROUP_BACKING_MEMORY] = "memory",
    [GROUP_BACKING_STORE] = "store",
    [GROUP_BACKING_ORIGIN] = "origin",
};

static enum larder_error write_policy(const struct group_policy *p, struct buf *out) {
    char freshness[FRESHNESS_TEXT_MAX];
    enum larder_error error = json_append_member(out, SLICE("name"), group_policy_name(p));

    error = APPEND(error, out, ",\"backing\":\"%s\"", backing_words[p->backing]);
    if (error == LARDER_OK && group_policy_is_origin(p)) {
        error = buf_append(out, ",", 1);
        if (error == LARDER_OK) {
            error = json_append_member(out, SLICE("origin"), slice_make(p->origin.url, p->origin.url_size));
        }
    }
    if (error == LARDER_OK && group_policy_is_store(p)) {
        error = buf_append(out, ",", 1);
        if (error == LARDER_OK) {
            error = json_append_member(out, SLICE("prefix"), group_policy_prefix(p));
        }
        error = APPEND(error, out, ",\"stale_limit\":%.9g", (double)p->stale_limit_ns / (double)CLOCK_NS_PER_S);
    }
    return APPEND(error, out, ",\"freshness\":\"%s\",\"ttl\":%" PRId64 ",\"max_ttl\":%" PRId64 ",\"max_item\":%" PRIu64,
                  freshness_text(&p->freshness, freshness), p->ttl, p->max_ttl, p->max_item);
}

static enum larder_error write_group(const struct group_policy *p, const struct use *use, struct buf *out) {
    enum larder_error error = buf_append(out, "{", 1);

    if (error == LARDER_OK) {
        error = write_policy(p, out);
    }
    if (group_policy_is_origin(p)) {
        error = APPEND(error, out, ",\"absent\":%" PRIu64 ",\"failed\":%" PRIu64, use->absent, use->failed);
    }
    return APPEND(error, out,
                  ",\"requests\":%" PRIu64 ",\"hits\":%" PRIu64 ",\"misses\":%" PRIu64 ",\"errors\":%" PRIu64
                  ",\"refused\":%" PRIu64 ",\"clients\":{\"requests\":%" PRIu64 ",\"hits\":%" PRIu64
                  ",\"misses\":%" PRIu64 "}}",
                  use->requests, use->hits, use->misses, use->errors, use->refused, use->client_requests,
                  use->client_hits, use->client_misses);
}

static enum larder_error write_store(struct store *store, struct buf *out) {
    struct store_figures f;

    store_get_figures(store, &f);
    return buf_printf(out,
                      ",\"store\":{\"revision\":%" PRId64 ",\"compact_revision\":%" PRId64 ",\"keys\":%" PRIu64
                      ",\"bytes\":%" PRIu64 ",\"quota\":%" PRIu64 ",\"file_bytes\":%" PRIu64 ",\"watchers\":%" PRIu64
                      ",\"leases\":%" PRIu64 ",\"full\":%s}",
                      f.revision, f.compact_revision, f.keys, f.bytes, f.quota, f.file_bytes, f.watchers, f.leases,
                      f.full ? "true" : "false");
}

enum larder_error cmd_groups(struct cmd_context *context, struct buf *out) {
    const struct group_set *groups = context->groups;
    struct use uses[GROUP_MAX] = {0};
    struct telemetry_snapshot snapshot;
    const char *comma = "";
    enum larder_error error = telemetry_snapshot(context->node->telemetry, &snapshot);

    if (error != LARDER_OK) {
        return error;
    }
    add_use(uses, &snapshot);
    telemetry_snapshot_fini(&snapshot);
    error = buf_printf(out, "{\"groups\":[");
    for (unsigned i = 0; i < groups->count && error == LARDER_OK; i++) {
        if (groups->policies[i].declared) {
            error = buf_printf(out, "%s", comma);
            comma = ",";
            if (error == LARDER_OK) {
                error = write_group(&groups->policies[i], &uses[i], out);
            }
        }
    }
    error = APPEND(error, out, "]");
    if (error == LARDER_OK && context->node->store != NULL) {
        error = write_store(context->node->store, out);
    }
    return APPEND(error, out, "}\n");
}
