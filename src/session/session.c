/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "group/shared.h"
#include "proto/preface.h"
#include "session/grpc.h"
#include "session/internal.h"
#include "session/login.h"
#include "session/peering.h"
#include "session/slots.h"
#include "session/tracing.h"

enum {
    SPARES_MAX = 16,
    SPARE_BYTES_KEPT = 128 << 10, /* of memory an outbox keeps between two uses */
};

/* In a cluster the numbers of a key go on from node to node, and a tag that one node gave is good at another. */
static void make_tag_suffix(struct session_worker *w) {
    const struct cmd_node *node = w->context.node;

    w->tag_suffix.data = w->tag_text;
    if (node->shared != NULL) {
        w->tag_suffix.size = (size_t)snprintf(w->tag_text, sizeof(w->tag_text), "-c");
    } else {
        w->tag_suffix.size = (size_t)snprintf(w->tag_text, sizeof(w->tag_text), "-%llx",
                                              (unsigned long long)(node->start_wall_ns / CLOCK_NS_PER_MS));
    }
}

bool session_worker_init(struct session_worker *w, const struct cmd_context *context, struct rpc_node *rpc,
                         size_t max_line, size_t max_output) {
    *w = (struct session_worker){.context = *context, .max_line = max_line, .max_output = max_output};
    make_tag_suffix(w);
    w->context.completions = &w->completions;
    w->completions.tracer = w->context.tracer;
    random_init(&w->dice, random_os_seed());
    rpc_worker_init(&w->rpc, &w->context, rpc);
    w->scratch = malloc(SESSION_SCRATCH_SIZE);
    return w->scratch != NULL;
}

void session_worker_fini(struct session_worker *w) {
    do {
        session_worker_complete(w);
    } while (!pending_queue_is_empty(&w->completions));
    while (w->spare != NULL) {
        struct outbox *o = w->spare;

        w->spare = o->next;
        outbox_fini(o);
        free(o);
    }
    session_worker_free_calls(w);
    session_worker_free_slots(w);
    rpc_worker_fini(&w->rpc);
    free(w->scratch);
}

void session_worker_drain(struct session_worker *w) {
    rpc_end_streams(&w->rpc);
    session_worker_run_ready(w);
}

int64_t session_worker_deadline(const struct session_worker *w) {
    const struct shared_worker *shared = w->context.shared_worker;
    int64_t rpc_ns = rpc_next_deadline(&w->rpc);
    int64_t shared_ns = shared != NULL ? shared_worker_deadline(shared) : INT64_MAX;

    return rpc_ns < shared_ns ? rpc_ns : shared_ns;
}

void session_worker_expire(struct session_worker *w) {
    rpc_expire(&w->rpc);
    if (w->context.shared_worker != NULL) {
        shared_worker_expire(w->context.shared_worker, w->context.now_ns);
    }
    session_worker_run_ready(w);
}

static struct outbox *borrow_outbox(struct session_worker *w) {
    struct outbox *o = w->spare;

    if (o != NULL) {
        w->spare = o->next;
        w->spares--;
        return o;
    }
    o = malloc(sizeof(*o));
    if (o != NULL) {
        outbox_init(o, w->max_output + SESSION_REPLY_MAX);
    }
    return o;
}

static void return_outbox(struct session_worker *w, struct outbox *o) {
    if (w->spares >= SPARES_MAX) {
        outbox_fini(o);
        free(o);
        return;
    }
    outbox_clear(o, SPARE_BYTES_KEPT);
    o->next = w->spare;
    w->spare = o;
    w->spares++;
}

void session_init(struct session *s, struct session_worker *worker) {
    *s = (struct session){.worker = worker};
    buf_init(&s->input, worker->max_line + SESSION_INPUT_EXTRA);
}

void session_fini(struct session *s) {
    if (s->out != NULL) {
        return_outbox(s->worker, s->out);
        s->out = NULL;
    }
    session_grpc_free(s);
    session_gateway_free(s);
    session_slots_free(s);
    session_trace_drop(s);
    session_body_free(s);
    session_upload_free(s);
    session_watch_free(s);
    session_get_free(s);
    session_who_free(s);
    session_peer_free(s);
    buf_fini(&s->input);
}

struct outbox *session_outbox(struct session *s) {
    if (s->out == NULL) {
        s->out = borrow_outbox(s->worker);
        if (s->out == NULL) {
            session_fail(s);
        }
    }
    return s->out;
}

bool session_is_full(const struct session *s) {
    return s->out != NULL && outbox_pending(s->out) >= s->worker->max_output;
}

/* Answers what is not spoken here and ends the session. */
static void refuse(struct session *s, struct slice input) {
    struct outbox *out = session_outbox(s);
    char bytes[64];

    telemetry_count(s->worker->context.telemetry, COUNTER_REJECTED_PROTOCOL, 1);
    if (out != NULL) {
        session_check(s, outbox_append(out, slice_make(bytes, preface_refuse_binary(input, bytes))));
    }
    s->over = true;
}

/* False: too early to tell, or refused. */
static bool decide_protocol(struct session *s, struct slice input) {
    enum preface preface = preface_detect(input);

    switch (preface) {
    case PREFACE_UNKNOWN:
        return false;
    case PREFACE_MEMCACHED:
        s->protocol = SESSION_MEMCACHED;
        return true;
    case PREFACE_HTTP1:
        s->protocol = SESSION_HTTP;
        return true;
    case PREFACE_HTTP2:
        s->protocol = SESSION_GRPC;
        return true;
    default:
        refuse(s, input);
        return false;
    }
}

static size_t process(struct session *s, struct slice input) {
    if (s->protocol == SESSION_UNDECIDED && !decide_protocol(s, input)) {
        return 0;
    }
    s->stalled = false;
    s->waiting = false;
    switch (s->protocol) {
    case SESSION_HTTP:
        return session_http(s, input);
    case SESSION_GRPC:
        return session_grpc(s, input);
    default:
        return session_memcached(s, input);
    }
}

bool session_is_watching(const struct session *s) {
    return s->watch != NULL || session_calls(s) > 0;
}

size_t session_calls(const struct session *s) {
    return session_grpc_calls(s) + (s->gateway != NULL ? 1 : 0);
}

void session_drain(struct session *s) {
    session_grpc_drain(s);
}

static void keep(struct session *s, struct slice rest) {
    if (rest.size > 0 && !s->over && buf_append_slice(&s->input, rest) != LARDER_OK) {
        s->over = true;
    }
}

void session_settle(struct session *s) {
    if (s->grpc != NULL) {
        session_grpc_settle(s);
    }
    if (s->gateway != NULL) {
        session_gateway_settle(s);
    }
    if (s->out != NULL && outbox_pending(s->out) == 0) {
        return_outbox(s->worker, s->out);
        s->out = NULL;
    }
    if (s->over || s->input.size == 0) {
        buf_fini(&s->input);
        s->wanted = 0;
    }
    if (s->failed) {
        session_slots_drop(s);
    }
    if (s->over && !session_is_waiting(s)) {
        session_get_free(s);
    }
}

static void process_kept(struct session *s) {
    if ((s->input.size >= s->wanted || s->get != NULL) && !s->over) {
        size_t done = process(s, buf_slice(&s->input));

        buf_consume(&s->input, done);
    }
}

/* What is asked from here on, this session's client asks. */
static void enter(struct session *s) {
    if (s->worker->context.shared_worker != NULL) {
        shared_worker_begin(s->worker->context.shared_worker);
    }
    s->processing = true;
    session_who_show(s);
}

static void leave(struct session *s) {
    s->processing = false;
    s->worker->context.who = NULL;
    session_settle(s);
}

void session_read_place(struct session *s, char **ret_data, size_t *ret_size) {
    if (s->body != NULL && session_body_place(s, ret_data, ret_size)) {
        return;
    }
    if (s->upload != NULL && session_upload_place(s, ret_data, ret_size)) {
        return;
    }
    *ret_data = s->worker->scratch;
    *ret_size = SESSION_SCRATCH_SIZE;
}

void session_feed(struct session *s, size_t size) {
    struct slice fresh = slice_make(s->worker->scratch, size);

    telemetry_count(s->worker->context.telemetry, COUNTER_BYTES_READ, size);
    if (s->over) {
        return;
    }
    enter(s);
    if (s->body != NULL) {
        session_body_filled(s, size);
    } else if (s->upload != NULL && session_upload_is_direct(s)) {
        session_upload_filled(s, size);
    } else if (s->input.size > 0 || s->get != NULL) {
        keep(s, fresh);
        process_kept(s);
    } else {
        size_t done = process(s, fresh);

        keep(s, slice_skip(fresh, done));
    }
    leave(s);
}

void session_resume(struct session *s) {
    enter(s);
    process_kept(s);
    session_slots_flow(s);
    leave(s);
}

int session_pieces(const struct session *s, struct iovec *pieces, int max) {
    return outbox_pieces(s->out, pieces, max);
}

void session_sent(struct session *s, size_t size) {
    telemetry_count(s->worker->context.telemetry, COUNTER_BYTES_WRITTEN, size);
    outbox_sent(s->out, size);
    if (outbox_pending(s->out) == 0) {
        return_outbox(s->worker, s->out);
        s->out = NULL;
    }
}
