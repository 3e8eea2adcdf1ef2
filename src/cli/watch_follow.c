/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/interrupt.h"
#include "cli/json_in.h"
#include "cli/watch.h"

enum {
    PAUSE_MIN_MS = 100, /* before it comes back for the first time; each time twice as long */
    PAUSE_MAX_MS = 5000,
    SILENCE_S = 45, /* a node says every 15 s that it lives */
};

static void end(struct watch *w, int code) {
    w->ended = true;
    w->code = code;
}

/* The history that would be needed to go on is gone. */
static void explain_compacted(struct watch *w) {
    uint64_t oldest = w->oldest > 0 ? w->oldest : node_oldest_revision(&w->node);

    fprintf(stderr, "%s: the history after revision %" PRIu64 " was compacted away", w->node.ask.program,
            w->last_revision);
    if (oldest > 0) {
        fprintf(stderr, "; the oldest revision that is kept is %" PRIu64, oldest);
    }
    fprintf(stderr, "; what happened in between cannot be told any more: look at the keys with larder ls\n");
    end(w, EXIT_CODE_SERVER);
}

/* Whether the event was printed already, before the connection was lost. */
static bool is_known(struct watch *w, uint64_t revision) {
    if (revision != w->open_revision) {
        w->open_revision = revision;
        w->open_printed = w->open_seen = 0;
    }
    if (++w->open_seen <= w->open_printed) {
        return true;
    }
    w->open_printed++;
    return false;
}

static void take_change(struct watch *w, struct slice name, json_t *data) {
    uint64_t revision = json_get_number(data, "mod_revision");

    if (revision == 0) {
        fprintf(stderr, "%s: %s sent an event of another form; is it an older or a newer larderd?\n",
                w->node.ask.program, w->node.ask.server);
        end(w, EXIT_CODE_SERVER);
    } else if (!is_known(w, revision)) {
        watch_print(w, name, data);
        if (++w->printed == w->count) {
            end(w, EXIT_CODE_OK);
        }
    }
}

static bool on_event(void *ctx, const struct event *event) {
    struct watch *w = ctx;
    json_t *data = json_loadb(event->data.size == 0 ? "" : event->data.data, event->data.size, 0, NULL);

    if (slice_equal(event->name, SLICE("compacted"))) {
        w->compacted = true;
        w->oldest = json_get_number(data, "compact_revision");
    } else {
        if (slice_equal(event->name, SLICE("put")) || slice_equal(event->name, SLICE("delete"))) {
            take_change(w, event->name, data);
        }
        number_parse_u64(event->id, &w->last_revision);
    }
    json_decref(data);
    return !w->ended && !w->compacted;
}

static bool on_piece(void *ctx, struct slice piece) {
    struct watch *w = ctx;
    enum larder_error error = events_feed(&w->events, piece, on_event, w);

    fflush(stdout);
    if (error != LARDER_OK && !w->ended) {
        end(w, node_explain_error(&w->node, error));
    }
    return !w->ended && !w->compacted;
}

/* One connection, until it ends. Returns why. */
static enum larder_error follow_once(struct watch *w, struct transfer_answer *ret_answer) {
    struct transfer_request request = {
        .method = "GET", .target = buf_slice(&w->node.target.text), .silence_ns = SILENCE_S * CLOCK_NS_PER_S};

    snprintf(request.fields[0], TRANSFER_FIELD_MAX, "Accept: text/event-stream");
    if (w->last_revision > 0) {
        snprintf(request.fields[1], TRANSFER_FIELD_MAX, "Last-Event-ID: %" PRIu64, w->last_revision);
    }
    events_reset(&w->events);
    w->open_seen = 0;
    return transfer_stream(w->node.transfer, &request, w->stop_fd, on_piece, w, ret_answer);
}

/* Whether it is worth coming back: the server was there once, and went away, or has no time just now. */
static bool may_come_back(const struct watch *w, enum larder_error error, unsigned status) {
    return w->connected && (error != LARDER_OK ? error != LARDER_ERROR_NO_MEMORY : status == 200 || status == 503);
}

static void end_without_return(struct watch *w, enum larder_error error, const struct transfer_answer *answer) {
    if (error != LARDER_OK) {
        end(w, node_explain_error(&w->node, error));
    } else {
        end(w, node_explain_durable(&w->node, "watch", w->word, answer));
    }
}

static void tell_lost(const struct watch *w) {
    fprintf(stderr, "%s: the connection to %s is lost; coming back for what is after revision %" PRIu64 "\n",
            w->node.ask.program, w->node.ask.server, w->last_revision);
}

/* True: go on. */
static bool follow_and_wait(struct watch *w, int64_t *pause_ms) {
    struct transfer_answer answer;
    enum larder_error error = follow_once(w, &answer);

    if (w->ended || interrupt_wait(w->stop_fd, 0)) {
        return false;
    }
    if (w->compacted || (error == LARDER_OK && answer.status == 410)) {
        explain_compacted(w);
        return false;
    }
    if (answer.status == 200) {
        w->connected = true;
        /* Where the watch began, if it has told nothing yet. */
        w->last_revision = w->last_revision == 0 ? answer.revision : w->last_revision;
    }
    if (!may_come_back(w, error, answer.status)) {
        end_without_return(w, error, &answer);
        return false;
    }
    if (answer.status == 200) {
        tell_lost(w);
        *pause_ms = PAUSE_MIN_MS;
    }
    if (interrupt_wait(w->stop_fd, *pause_ms * CLOCK_NS_PER_MS)) {
        return false;
    }
    *pause_ms = *pause_ms * 2 < PAUSE_MAX_MS ? *pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

int watch_follow(struct watch *w) {
    int64_t pause_ms = PAUSE_MIN_MS;

    w->last_revision = w->from_revision > 0 ? w->from_revision - 1 : 0;
    while (follow_and_wait(w, &pause_ms)) {
    }
    return w->code;
}
