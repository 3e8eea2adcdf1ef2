/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/count.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/subcommand.h"
#include "net/timer.h"

#define LOOK_EVERY_NS (CLOCK_NS_PER_S / 10)
#define ONE_COUNT_NS (2 * CLOCK_NS_PER_S) /* a member that takes longer is asked again */

static struct store_op make_op(const struct simulate_count *count, bool serializable) {
    size_t size = strlen(count->range_end);

    return (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = {.key = slice_make(count->session->config->prefix, size),
                           .range_end = slice_make(count->range_end, size)},
                  .serializable = serializable,
                  .count_only = true},
    };
}

static struct simulate_member *find(struct simulate_count *count, const struct etcd_endpoint *endpoint) {
    struct simulate_member *member = NULL;

    for (size_t i = 0; i < count->member_count; i++) {
        if (etcd_endpoint_equal(&count->members[i].endpoint, endpoint)) {
            return &count->members[i];
        }
    }
    if (count->member_count < ETCD_MEMBERS_MAX) {
        member = &count->members[count->member_count++];
        *member = (struct simulate_member){.endpoint = *endpoint, .owner = count};
    }
    return member;
}

static void on_answer(struct store_call *call) {
    struct simulate_member *member = (struct simulate_member *)((char *)call - offsetof(struct simulate_member, call));
    const struct simulate_count *count = member->owner;
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];

    member->is_asked = false;
    if (call->status == STORE_OK) {
        member->count = call->result.count;
        member->revision = call->revision;
        member->counted = call->revision >= count->revision;
        member->trouble[0] = '\0';
        if (member->counted) {
            show_counted(&count->show, etcd_endpoint_format(&member->endpoint, endpoint), member->count,
                         member->revision);
        }
    } else {
        snprintf(member->trouble, sizeof(member->trouble), "%s", store_status_text(call->status));
    }
    store_call_fini(call);
}

static void ask(struct simulate_count *count, struct simulate_member *member, size_t place) {
    store_call_init(&member->call, on_answer);
    member->call.op = make_op(count, true);
    member->call.deadline_ns = clock_monotonic_ns() + ONE_COUNT_NS;
    member->is_asked = true;
    etcd_kv_submit_to(count->session->client, (int)place, &member->call);
}

/* Asks all that are not counted. */
static void look(struct simulate_count *count) {
    size_t known = etcd_client_member_count(count->session->client);
    struct etcd_member seen;

    for (size_t place = 0; place < known; place++) {
        struct simulate_member *member;

        etcd_client_member(count->session->client, place, &seen);
        member = find(count, &seen.endpoint);
        if (member == NULL || member->counted || member->is_asked) {
            continue;
        }
        memcpy(member->name, seen.name, sizeof(member->name));
        if (seen.trouble[0] != '\0') {
            memcpy(member->trouble, seen.trouble, sizeof(member->trouble));
        }
        ask(count, member, place);
    }
}

static void draw(const struct simulate_count *count) {
    char endpoint[ETCD_ENDPOINT_TEXT_MAX] = "";
    uint64_t done = 0;

    for (size_t i = 0; i < count->member_count; i++) {
        if (count->members[i].counted) {
            done++;
        } else {
            etcd_endpoint_format(&count->members[i].endpoint, endpoint);
        }
    }
    show_waiting(&count->show, done, count->member_count, endpoint);
}

static bool is_complete(const struct simulate_count *count) {
    for (size_t i = 0; i < count->member_count; i++) {
        if (!count->members[i].counted) {
            return false;
        }
    }
    return count->member_count > 0;
}

static void on_time(void *ctx) {
    struct simulate_count *count = ctx;

    count->complete = is_complete(count);
    if (count->complete || clock_monotonic_ns() >= count->deadline_ns) {
        session_stop(count->session);
        return;
    }
    look(count);
    draw(count);
}

static void wait_for_members(struct simulate_count *count) {
    int64_t wait_ns = count->session->config->wait_members_ns;

    show_init(&count->show, count->session, "count", 1);
    count->deadline_ns = clock_monotonic_ns() + (wait_ns < ONE_COUNT_NS ? ONE_COUNT_NS : wait_ns);
    timer_start(count->timer, 0, LOOK_EVERY_NS);
    while (!count->session->interrupted && !count->complete && clock_monotonic_ns() < count->deadline_ns) {
        session_run(count->session);
    }
    timer_stop(count->timer);
    show_end(&count->show);
}

int simulate_count(struct simulate_count *count, struct session *session) {
    struct store_op op;

    memset(count, 0, sizeof(*count));
    count->session = session;
    session_span(session, count->range_end);
    op = make_op(count, false);
    if (!session_ask(session, &op, session->config->timeout_ns)) {
        return EXIT_CODE_FAILURE;
    }
    if (session->call.status != STORE_OK) {
        return session_explain(session, "count the keys", session->call.status);
    }
    count->total = session->call.result.count;
    count->revision = session->call.revision;
    count->timer = timer_new(session->loop, on_time, count);
    if (count->timer == NULL) {
        fputs(SIMULATE_PROGRAM ": out of memory\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    wait_for_members(count);
    timer_free(count->timer);
    count->timer = NULL;
    return EXIT_CODE_OK;
}

void simulate_count_fini(struct simulate_count *count) {
    for (size_t i = 0; i < count->member_count; i++) {
        store_call_fini(&count->members[i].call);
    }
}
