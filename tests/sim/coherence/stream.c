/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"
#include "trial.h"

enum { BATCH_MOST = 6 /* revisions that arrive together */ };

void stream_init(struct stream *stream, struct trial *trial, size_t machine) {
    *stream = (struct stream){.trial = trial, .machine = machine};
}

static struct sim *sim_of(struct stream *stream) {
    return &stream->trial->sim;
}

static const struct store_span *span_of(const struct stream *stream) {
    return &stream->trial->layout.machines[stream->machine].span;
}

/* --- on the way --- */

struct transit {
    struct stream *stream;
    struct parcel *parcel;
};

static void arrive(void *ctx) {
    struct transit *transit = ctx;
    struct stream *stream = transit->stream;
    struct parcel *parcel = transit->parcel;

    free(transit);
    if (parcel->watch != stream->watch || parcel->connection != stream->connection) {
        parcel_free(parcel);
        return;
    }
    if (parcel->kind == PARCEL_EVENTS && parcel->revision > stream->arrived) {
        stream->arrived = parcel->revision;
    }
    node_take(&stream->trial->node, parcel);
}

static struct parcel *new_parcel(struct stream *stream, enum parcel_kind kind, int64_t revision) {
    struct parcel *parcel = parcel_new(kind, stream->machine, stream->trial->truth.count - 1);

    parcel->watch = stream->watch;
    parcel->connection = stream->connection;
    parcel->revision = revision;
    return parcel;
}

static void send(struct stream *stream, struct parcel *parcel) {
    struct transit *transit = sim_new(sizeof(*transit));
    int64_t at_ns = sim_of(stream)->now_ns + model_delay(&stream->trial->model);

    *transit = (struct transit){stream, parcel};
    stream->sent_ns = at_ns > stream->sent_ns ? at_ns : stream->sent_ns;
    (void)sim_after(sim_of(stream), stream->sent_ns - sim_of(stream)->now_ns, arrive, transit);
}

/* What the client's side sees by itself. */
static void say(struct stream *stream, enum parcel_kind kind, enum store_status status, int64_t revision) {
    struct parcel *parcel = new_parcel(stream, kind, revision);

    parcel->status = status;
    node_take(&stream->trial->node, parcel);
}

static void later(struct stream *stream, int64_t delay_ns, void (*run)(void *ctx)) {
    sim_cancel(sim_of(stream), stream->event);
    stream->event = sim_after(sim_of(stream), delay_ns, run, stream);
}

/* --- sending --- */

static void add_revision(struct stream *stream, struct parcel *parcel, int64_t revision) {
    struct truth_era *era = truth_now(&stream->trial->truth);
    size_t count;
    const struct mvcc_change *changes = truth_changes(era, revision, &count);

    for (size_t i = 0; i < count; i++) {
        if (layout_has(span_of(stream), changes[i].kv.key)) {
            struct kv_event event = truth_event(era, &changes[i]);

            parcel_add_event(parcel, &event);
            parcel->revision = revision;
        }
    }
}

static void end(struct stream *stream, enum store_status status, int64_t compacted) {
    struct parcel *parcel = new_parcel(stream, PARCEL_ENDED, compacted);

    parcel->status = status;
    stream->is_connected = false;
    stream->is_wanted = false;
    send(stream, parcel);
}

static void pump(void *ctx) {
    struct stream *stream = ctx;
    struct truth_era *era = truth_now(&stream->trial->truth);
    int64_t newest = model_member_revision(&stream->trial->model, stream->member);

    stream->event = NULL;
    if (!stream->is_connected || stream->is_silent) {
        return;
    }
    if (stream->next < era->mvcc.compacted && stream->next <= newest) {
        end(stream, STORE_COMPACTED, era->mvcc.compacted);
        return;
    }
    while (stream->next <= newest) {
        struct parcel *parcel = new_parcel(stream, PARCEL_EVENTS, 0);

        for (int64_t left = sim_between(sim_of(stream), 1, BATCH_MOST); left > 0 && stream->next <= newest; left--) {
            add_revision(stream, parcel, stream->next++);
        }
        if (parcel->count > 0) {
            send(stream, parcel);
        } else {
            parcel_free(parcel);
        }
    }
    stream_stir(stream);
}

void stream_stir(struct stream *stream) {
    struct truth_era *era = truth_now(&stream->trial->truth);
    int64_t at_ns;

    if (!stream->is_connected || stream->is_silent || stream->event != NULL || stream->next > era->mvcc.revision) {
        return;
    }
    at_ns = era->made[stream->next].at_ns + stream->trial->model.members[stream->member].lag_ns;
    later(stream, at_ns - sim_of(stream)->now_ns + SIM_US, pump);
}

/* The first revision that can be watched from; what there is begins at 2. */
static int64_t first_of(struct stream *stream) {
    int64_t compacted = truth_now(&stream->trial->truth)->mvcc.compacted;

    return compacted > 2 ? compacted : 2;
}

/* --- connecting --- */

static void connect_soon(struct stream *stream);

static void connect(void *ctx) {
    struct stream *stream = ctx;
    struct truth_era *era = truth_now(&stream->trial->truth);

    stream->event = NULL;
    if (stream->ends_badly) {
        stream->ends_badly = false;
        end(stream, sim_chance(sim_of(stream), 50) ? STORE_PROTOCOL : STORE_DENIED, 0);
        return;
    }
    if (model_is_away(&stream->trial->model)) {
        connect_soon(stream);
        return;
    }
    stream->member = (size_t)sim_between(sim_of(stream), 0, MODEL_MEMBERS - 1);
    if (stream->next < era->mvcc.compacted) {
        end(stream, STORE_COMPACTED, era->mvcc.compacted);
        return;
    }
    stream->is_connected = true;
    stream->is_silent = false;
    send(stream, new_parcel(stream, PARCEL_WATCHING, model_member_revision(&stream->trial->model, stream->member)));
    later(stream, 0, pump);
}

static void connect_soon(struct stream *stream) {
    stream->connection++;
    later(stream, sim_between(sim_of(stream), 100 * SIM_US, sim_chance(sim_of(stream), 80) ? 5 * SIM_MS : 400 * SIM_MS),
          connect);
}

void stream_open(struct stream *stream, int64_t start) {
    ENSURE(start > 0, "a watch from %lld", (long long)start);
    seeds_trace(sim_of(stream), "m%zu watch from %lld", stream->machine, (long long)start);
    stream->watch++;
    stream->is_wanted = true;
    stream->is_connected = false;
    stream->start = start;
    stream->next = start;
    stream->arrived = 0;
    connect_soon(stream);
}

/* Behind what came; or from further back, as some servers do. */
void stream_go_on(struct stream *stream) {
    int64_t low = first_of(stream);

    if (!stream->is_wanted || stream->is_connected) {
        return;
    }
    stream->next = stream->arrived > 0 ? stream->arrived + 1 : stream->start;
    if (stream->next > low && sim_chance(sim_of(stream), 30)) {
        stream->next = sim_between(sim_of(stream), low > stream->next - 8 ? low : stream->next - 8, stream->next);
    }
    connect_soon(stream);
}

/* --- progress --- */

void stream_tell_progress(struct stream *stream) {
    if (stream->is_connected && !stream->is_silent) {
        sim_cancel(sim_of(stream), stream->event);
        pump(stream);
    }
    if (stream->is_connected && !stream->is_silent) {
        send(stream, new_parcel(stream, PARCEL_PROGRESS, model_member_revision(&stream->trial->model, stream->member)));
    }
}

static void asked(void *ctx) {
    stream_tell_progress(ctx);
}

void stream_ask_progress(struct stream *stream) {
    ENSURE(stream->trial->layout.proof == COHERENCE_BY_PROGRESS,
           "progress may be false here and must not be asked for");
    if (!sim_chance(sim_of(stream), stream->trial->model.lost_percent)) {
        (void)sim_after(sim_of(stream), model_delay(&stream->trial->model), asked, stream);
    }
}

/* --- what can go wrong --- */

void stream_lose(struct stream *stream) {
    if (stream->is_connected) {
        stream->is_connected = false;
        sim_cancel(sim_of(stream), stream->event);
        stream->event = NULL;
        stream->connection++;
        say(stream, PARCEL_LOST, STORE_OK, 0);
    }
}

void stream_silence(struct stream *stream, bool is_silent) {
    stream->is_silent = is_silent;
    if (is_silent && stream->is_connected) {
        sim_cancel(sim_of(stream), stream->event);
        stream->event = NULL;
    }
    stream_stir(stream);
}

void stream_go_back(struct stream *stream) {
    int64_t low = first_of(stream);
    int64_t back = stream->next - sim_between(sim_of(stream), 1, 10);

    if (stream->is_connected && stream->next > low) {
        stream->next = back > low ? back : low;
        stream_stir(stream);
    }
}

void stream_refuse(struct stream *stream) {
    if (stream->is_connected) {
        stream_lose(stream);
        stream->ends_badly = true;
    }
}

void stream_close(struct stream *stream) {
    sim_cancel(sim_of(stream), stream->event);
    stream->event = NULL;
    stream->is_wanted = false;
    stream->is_connected = false;
    stream->watch++;
}
