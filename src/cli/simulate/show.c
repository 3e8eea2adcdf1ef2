/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/show.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/json_out.h"

enum { HUNDREDTHS = 100, TEXT_MAX = 600 };

void show_init(struct show *show, const struct session *session, const char *label, uint64_t total) {
    *show = (struct show){
        .json = session->config->json_progress,
        .session = session,
        .label = label,
        .total = total,
        .began_ns = clock_monotonic_ns(),
    };
    progress_init(&show->bar, session->config->quiet || show->json);
}

/* The member in use; false: none is. */
static bool find_member(const struct session *session, struct etcd_member *ret_member) {
    size_t count = etcd_client_member_count(session->client);

    for (size_t i = 0; i < count; i++) {
        etcd_client_member(session->client, i, ret_member);
        if (ret_member->in_use) {
            return true;
        }
    }
    return false;
}

static void write_line(json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);

    if (text != NULL) {
        fprintf(stderr, "%s\n", text);
    }
    free(text);
    json_decref(object);
}

static void tell(const struct show *show, uint64_t done) {
    json_t *line = json_object();
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];
    struct etcd_member member;

    json_set(line, "event", json_string("progress"));
    json_set(line, "done", json_integer((json_int_t)done));
    json_set(line, "total", json_integer((json_int_t)show->total));
    if (find_member(show->session, &member)) {
        json_set(line, "member", json_string(etcd_endpoint_format(&member.endpoint, endpoint)));
        json_set(line, "leader", json_boolean(member.leader));
    }
    json_set(line, "failovers", json_integer((json_int_t)show->told_failovers));
    write_line(line);
}

void show_step(struct show *show, uint64_t done) {
    uint64_t percent = done * HUNDREDTHS / show->total;
    uint64_t failovers = etcd_client_figures(show->session->client)->failovers;

    if (percent == show->told_percent && failovers == show->told_failovers) {
        return;
    }
    show->told_percent = percent;
    show->told_failovers = failovers;
    if (show->json) {
        tell(show, done);
    }
}

void show_draw(const struct show *show, uint64_t done) {
    double seconds = (double)(clock_monotonic_ns() - show->began_ns) / (double)CLOCK_NS_PER_S;
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];
    char text[TEXT_MAX];
    struct etcd_member member;

    if (!show->bar.enabled) {
        return;
    }
    if (etcd_client_is_ready(show->session->client) && find_member(show->session, &member)) {
        snprintf(text, sizeof(text), "%.0f/s  %s%s", (double)done / (seconds + 1e-9),
                 etcd_endpoint_format(&member.endpoint, endpoint), member.leader ? ", the leader" : "");
    } else {
        snprintf(text, sizeof(text), "%s", etcd_client_trouble(show->session->client));
    }
    progress_show_text(&show->bar, show->label, (double)done / (double)show->total, text);
}

void show_counted(const struct show *show, const char *member, int64_t count, int64_t revision) {
    json_t *line;

    if (!show->json) {
        return;
    }
    line = json_object();
    json_set(line, "event", json_string("counted"));
    json_set(line, "member", json_string(member));
    json_set(line, "count", json_integer(count));
    json_set(line, "revision", json_integer(revision));
    write_line(line);
}

void show_waiting(const struct show *show, uint64_t done, uint64_t total, const char *waiting) {
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "%s%s", *waiting == '\0' ? "" : "waiting for ", waiting);
    progress_show_text(&show->bar, show->label, total == 0 ? 0.0 : (double)done / (double)total, text);
}

void show_end(const struct show *show) {
    progress_clear(&show->bar);
}
