/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/status/cluster_seen.h"

enum {
    RPCS_SHOWN = 3, /* those that were asked most */
    US_PER_MS = 1000,
};

static void print_label(const struct terminal *terminal, const char *text) {
    printf("  %s%-12s%s", terminal->dim, text, terminal->plain);
}

/* ", 12 refused" in that colour; nothing if there are none. */
static void print_some(const struct terminal *terminal, const char *colour, uint64_t count, const char *what) {
    char text[HUMAN_TEXT_MAX];

    if (count > 0) {
        printf(", %s%s %s%s", colour, human_count(count, text), what, terminal->plain);
    }
}

static void print_head(const struct terminal *terminal, const struct cluster_seen *seen) {
    print_label(terminal, "store");
    printf("etcd cluster %" PRIx64 ", ", seen->look.id);
    cluster_print_summary(terminal, &seen->look);
    putchar('\n');
    if (!seen->ready) {
        print_label(terminal, "");
        printf("%snot ready: %s%s\n", terminal->red,
               human_readable(slice_from_string(seen->trouble)) ? seen->trouble : "(unreadable)", terminal->plain);
    }
}

static void print_requests(const struct terminal *terminal, const struct cluster_seen *seen) {
    char ok[HUMAN_TEXT_MAX];

    print_label(terminal, "requests");
    printf("%s answered", human_count(seen->ok, ok));
    print_some(terminal, "", seen->refused, "refused");
    print_some(terminal, terminal->red, seen->denied, "denied");
    print_some(terminal, terminal->red, seen->unavailable, "unavailable");
    print_some(terminal, terminal->red, seen->unknown, "with unknown outcome");
    print_some(terminal, terminal->yellow, seen->retries, "tried again");
    print_some(terminal, "", seen->waiting, "waiting");
    putchar('\n');
}

/* The place of the one with the most requests among those from `from` on. */
static size_t find_busiest(const struct cluster_rpc *rpcs, size_t count) {
    size_t busiest = 0;

    for (size_t i = 1; i < count; i++) {
        busiest = rpcs[i].count > rpcs[busiest].count ? i : busiest;
    }
    return busiest;
}

static void print_latency(const struct terminal *terminal, const struct cluster_seen *seen) {
    struct cluster_rpc left[CLUSTER_RPCS_MAX];
    size_t count = seen->rpc_count;

    if (count == 0) {
        return;
    }
    print_label(terminal, "latency");
    for (size_t i = 0; i < count; i++) {
        left[i] = seen->rpcs[i];
    }
    for (int shown = 0; shown < RPCS_SHOWN && count > 0; shown++) {
        size_t place = find_busiest(left, count);
        const struct cluster_rpc *rpc = &left[place];

        printf("%s%s %.2f ms", shown == 0 ? "" : "; ", rpc->name, (double)rpc->mean_us / US_PER_MS);
        if (rpc->p99_us > 0) {
            printf(" (p99 up to %.4g)", (double)rpc->p99_us / US_PER_MS);
        }
        left[place] = left[--count];
    }
    putchar('\n');
}

static void print_failovers(const struct terminal *terminal, const struct cluster_seen *seen) {
    char text[HUMAN_TEXT_MAX];

    print_label(terminal, "fail-overs");
    printf("%s%s%s", seen->failovers > 0 ? terminal->yellow : "", human_count(seen->failovers, text),
           seen->failovers > 0 ? terminal->plain : "");
    if (seen->failovers > 0) {
        printf(", %.0f ms each, the longest %.0f ms", (double)seen->failover_us / (double)seen->failovers / US_PER_MS,
               (double)seen->failover_max_us / US_PER_MS);
    }
    print_some(terminal, "", seen->connections_lost, "connections lost");
    print_some(terminal, "", seen->connect_errors, "could not be made");
    print_some(terminal, terminal->red, seen->login_errors, "logins refused");
    putchar('\n');
}

void cluster_seen_print(const struct terminal *terminal, const struct cluster_seen *seen) {
    print_head(terminal, seen);
    cluster_print_members(terminal, &seen->look, "    ");
    print_requests(terminal, seen);
    print_latency(terminal, seen);
    print_failovers(terminal, seen);
}

/* --- JSON --- */

static void set_number(json_t *object, const char *name, uint64_t value) {
    json_set(object, name, json_integer((json_int_t)value));
}

static json_t *requests_json(const struct cluster_seen *seen) {
    json_t *object = json_object();

    set_number(object, "ok", seen->ok);
    set_number(object, "refused", seen->refused);
    set_number(object, "denied", seen->denied);
    set_number(object, "unavailable", seen->unavailable);
    set_number(object, "unknown", seen->unknown);
    return object;
}

static json_t *latency_json(const struct cluster_seen *seen) {
    json_t *object = json_object();

    for (size_t i = 0; i < seen->rpc_count; i++) {
        json_t *rpc = json_object();

        set_number(rpc, "count", seen->rpcs[i].count);
        set_number(rpc, "mean_microseconds", seen->rpcs[i].mean_us);
        json_set(rpc, "p99_microseconds",
                 seen->rpcs[i].p99_us == 0 ? json_null() : json_integer((json_int_t)seen->rpcs[i].p99_us));
        json_set(object, seen->rpcs[i].name, rpc);
    }
    return object;
}

json_t *cluster_seen_json(const struct cluster_seen *seen) {
    const struct etcd_member *leader = cluster_leader(&seen->look);
    json_t *object = json_object();

    json_set(object, "cluster", cluster_id_json(seen->look.id));
    json_set(object, "ready", json_boolean(seen->ready));
    json_set_bytes(object, "trouble", slice_from_string(seen->trouble));
    json_set(object, "leader", cluster_id_json(leader == NULL ? 0 : leader->id));
    json_set(object, "members", cluster_members_json(&seen->look));
    json_set(object, "requests", requests_json(seen));
    json_set(object, "latency", latency_json(seen));
    set_number(object, "retries", seen->retries);
    set_number(object, "waiting", seen->waiting);
    set_number(object, "failovers", seen->failovers);
    set_number(object, "failover_microseconds", seen->failover_us);
    set_number(object, "failover_max_microseconds", seen->failover_max_us);
    set_number(object, "connections", seen->connects);
    set_number(object, "connection_errors", seen->connect_errors);
    set_number(object, "connections_lost", seen->connections_lost);
    set_number(object, "logins", seen->logins);
    set_number(object, "login_errors", seen->login_errors);
    set_number(object, "streams_lost", seen->streams_lost);
    return object;
}
