/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http_watch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/number.h"
#include "cmd/guard.h"
#include "group/envelope.h"
#include "proto/http/entry.h"
#include "proto/http/stream.h"
#include "session/http_list.h"
#include "session/http_value.h"
#include "session/login.h"
#include "session/tracing.h"
#include "store/store.h"

enum {
    BATCH_MAX = 256 << 10, /* bytes of events, about, that are read at a time */
    DATA_MAX = 32 << 20,   /* bytes of one event's text: a value of the largest size, escaped */
    HEARTBEAT_S = 15,      /* of silence, before the client is told that the connection lives */
    WATCH_PARAMETERS = HTTP_PARAMETER_BIT(WATCH) | HTTP_PARAMETER_BIT(PREFIX) | HTTP_PARAMETER_BIT(REV),
};

struct http_watch {
    struct session *session;
    struct watching *watching;
    struct http_form form;
    unsigned group;
    struct auth_known who; /* asked for it; as long as the watch stands he must be allowed to */
    struct buf asked;      /* the key or the prefix */
    bool prefix;
    enum result refused; /* why he may not any more */
    int64_t told;        /* every event up to this revision was sent, and the client knows it */
    int64_t reached;     /* the same, but for the client's knowledge */
    int64_t sent_ns;     /* when something was last sent */
    struct buf key;      /* scratch for an event's key and data */
    struct buf data;
    struct http_watch *next; /* of the worker's list */
    struct http_watch **place;
};

/* --- the list --- */

static void link_watch(struct http_watch *watch) {
    struct session_worker *w = watch->session->worker;

    watch->next = w->watches;
    watch->place = &w->watches;
    if (watch->next != NULL) {
        watch->next->place = &watch->next;
    }
    w->watches = watch;
}

static void free_watch(struct http_watch *watch) {
    buf_fini(&watch->asked);
    buf_fini(&watch->key);
    buf_fini(&watch->data);
    free(watch);
}

void session_watch_free(struct session *s) {
    struct http_watch *watch = s->watch;

    if (watch == NULL) {
        return;
    }
    *watch->place = watch->next;
    if (watch->next != NULL) {
        watch->next->place = watch->place;
    }
    watching_close(watch->watching);
    free_watch(watch);
    s->watch = NULL;
}

/* The stream is over, and the session with it. */
static void end(struct session *s) {
    struct outbox *out = s->failed ? NULL : session_outbox(s);

    if (out != NULL) {
        session_check(s, http_stream_end(out, &s->watch->form));
    }
    s->over = true;
    session_watch_free(s);
}

/* --- events --- */

static enum larder_error append(struct http_watch *watch, struct slice name, int64_t id, bool has_id) {
    const struct http_event event = {
        .name = name, .data = buf_slice(&watch->data), .id = (uint64_t)id, .has_id = has_id};

    if (has_id) {
        watch->told = id;
    }
    return http_event_append(&watch->session->out->bytes, &event);
}

static enum larder_error append_change(struct http_watch *watch, const struct group_policy *policy,
                                       const struct kv_event *event, bool has_id) {
    bool put = event->kind == KV_EVENT_PUT;
    uint32_t client_flags;
    struct slice value;
    struct slice key;
    enum larder_error error = http_show_key(policy, event->kv.key, &watch->key, &key);

    if (error == LARDER_OK && put) {
        value = envelope_open(event->kv.value, &client_flags);
        error = http_entry_append(&watch->data, key, &event->kv, &value);
    } else if (error == LARDER_OK) {
        error = http_entry_append_deleted(&watch->data, key, event->kv.mod_revision);
    }
    return error == LARDER_OK ? append(watch, put ? SLICE("put") : SLICE("delete"), event->kv.mod_revision, has_id)
                              : error;
}

static enum larder_error append_progress(struct http_watch *watch, int64_t revision) {
    enum larder_error error = buf_printf(&watch->data, "{\"revision\":%" PRId64 "}", revision);

    return error == LARDER_OK ? append(watch, SLICE("progress"), revision, true) : error;
}

/* The next event from `at` on that clients may see. */
static size_t next_shown(const struct store_batch *batch, size_t at) {
    while (at < batch->count && group_store_key_is_ours(batch->events[at].kv.key)) {
        at++;
    }
    return at;
}

/* A client that comes back goes on behind the last id it was told. So of several events of one revision only the last has
 * it as its id. */
static enum larder_error append_events(struct http_watch *watch, const struct store_batch *batch) {
    const struct group_policy *policy = &watch->session->worker->context.groups->policies[watch->group];
    enum larder_error error = LARDER_OK;
    size_t i = next_shown(batch, 0);

    while (i < batch->count && error == LARDER_OK) {
        size_t next = next_shown(batch, i + 1);
        bool last = next == batch->count || batch->events[next].kv.mod_revision != batch->events[i].kv.mod_revision;

        watch->data.size = 0;
        error = append_change(watch, policy, &batch->events[i], last);
        i = next;
    }
    return error;
}

/* Why there will be no more. After `compacted` a client that comes back goes on from now; what it missed it has to list. */
static enum larder_error append_end(struct http_watch *watch, const struct store_batch *batch) {
    const char *text = store_status_text(batch->status);
    int64_t revision = store_revision(watch->session->worker->context.node->store);
    bool compacted = batch->status == STORE_COMPACTED;
    enum larder_error error =
        compacted ? buf_printf(&watch->data, "{\"compact_revision\":%" PRId64 ",\"revision\":%" PRId64 "}",
                               batch->compact_revision, revision)
                  : buf_printf(&watch->data, "{\"code\":500,\"message\":\"%s\"}", text);

    return error == LARDER_OK ? append(watch, compacted ? SLICE("compacted") : SLICE("failed"), revision, compacted)
                              : error;
}

/* Why there will be no more, though there might be: whoever watches may not any more. */
static enum larder_error append_refused(struct http_watch *watch, const struct store_batch *batch) {
    const bool nobody = watch->refused == RESULT_UNAUTHENTICATED;
    enum larder_error error = buf_printf(&watch->data, "{\"code\":%d,\"message\":\"%s\"}", nobody ? 401 : 403,
                                         nobody ? HTTP_GUARD_NOBODY : HTTP_GUARD_FORBIDDEN);

    (void)batch;
    return error == LARDER_OK ? append(watch, SLICE("failed"), 0, false) : error;
}

/* --- pieces of the stream --- */

typedef enum larder_error write_fn(struct http_watch *watch, const struct store_batch *batch);

/* Sends what `write` writes as one piece. False: the session has failed. */
static bool send_piece(struct http_watch *watch, write_fn *write, const struct store_batch *batch) {
    struct session *s = watch->session;
    struct outbox *out = session_outbox(s);
    enum larder_error error;
    size_t mark = 0;

    if (out == NULL) {
        return false;
    }
    error = http_stream_open(out, &watch->form, &mark);
    if (error == LARDER_OK) {
        watch->data.size = 0;
        error = write(watch, batch);
        error = error == LARDER_OK ? http_stream_close(out, &watch->form, mark) : error;
    }
    session_check(s, error);
    watch->sent_ns = s->worker->context.now_ns;
    return error == LARDER_OK;
}

/* How a stream begins: the client is told how soon to come back when it breaks, and where it stands. */
static enum larder_error write_beginning(struct http_watch *watch, const struct store_batch *batch) {
    enum larder_error error = outbox_append(watch->session->out, SLICE("retry: 1000\n"));

    (void)batch;
    return error == LARDER_OK ? append_progress(watch, watch->told) : error;
}

static enum larder_error write_heartbeat(struct http_watch *watch, const struct store_batch *batch) {
    (void)batch;
    return watch->reached > watch->told ? append_progress(watch, watch->reached)
                                        : http_event_comment(&watch->session->out->bytes, SLICE("alive"));
}

/* Sends what one reading has found. False: there is no more for now, or at all. */
static bool send_batch(struct http_watch *watch, const struct store_batch *batch) {
    struct session *s = watch->session;

    if (batch->status != STORE_OK) {
        send_piece(watch, append_end, batch);
        end(s);
        return false;
    }
    if (batch->count > 0 && !send_piece(watch, append_events, batch)) {
        return false;
    }
    watch->reached = batch->revision;
    return batch->more;
}

/* Whether whoever asked for the watch still may. If not, the client is told so, and the watch has ended. */
static bool is_allowed(struct http_watch *watch) {
    struct session *s = watch->session;
    struct cmd_context *context = &s->worker->context;
    struct auth_known *asks = context->who;
    enum result result;

    context->who = &watch->who;
    result = guard_keys(context, &context->groups->policies[watch->group], buf_slice(&watch->asked), watch->prefix);
    context->who = asks;
    if (result == RESULT_DONE) {
        return true;
    }
    watch->refused = result;
    if (send_piece(watch, append_refused, NULL)) {
        end(s);
    }
    return false;
}

/* Sends all there is, as far as there is room; the session is stalled, and so resumed, when there may be more. */
static void pump(struct http_watch *watch) {
    struct session *s = watch->session;
    bool more = true;

    while (more && !session_is_full(s)) {
        struct store_batch batch;

        if (!is_allowed(watch)) {
            return;
        }
        watching_next(watch->watching, BATCH_MAX, &batch);
        more = send_batch(watch, &batch);
        store_batch_fini(&batch);
    }
    if (more) {
        s->stalled = true;
    }
}

static void on_ready(void *owner) {
    struct http_watch *watch = owner;
    struct session *s = watch->session;

    pump(watch);
    session_mark_ready(s);
}

void http_session_watch_resume(struct session *s) {
    pump(s->watch);
}

static void beat(struct http_watch *watch, int64_t now_ns) {
    struct session *s = watch->session;

    if (!is_allowed(watch)) {
        session_mark_ready(s);
        return;
    }
    if (now_ns - watch->sent_ns < HEARTBEAT_S * CLOCK_NS_PER_S || session_is_full(s)) {
        return;
    }
    pump(watch);
    if (s->watch != NULL && !s->failed && watch->sent_ns != now_ns) {
        send_piece(watch, write_heartbeat, NULL);
    }
    session_mark_ready(s);
}

void session_worker_tick(struct session_worker *w) {
    for (struct http_watch *watch = w->watches, *next; watch != NULL; watch = next) {
        next = watch->next;
        beat(watch, w->context.now_ns);
    }
    rpc_tick(&w->rpc);
    if (w->patrols) {
        cmd_audit_patrol(&w->context, &w->patrol);
    }
    session_worker_run_ready(w);
}

void session_worker_end_watches(struct session_worker *w) {
    audit_patrol_end(&w->patrol);
    while (w->watches != NULL) {
        end(w->watches->session);
    }
    rpc_end_streams(&w->rpc);
}

/* --- the beginning --- */

static struct http_watch *watch_new(struct session *s, const struct http_wish *w, const struct watching_wish *wish) {
    struct http_watch *watch = calloc(1, sizeof(*watch));

    if (watch != NULL) {
        watch->session = s;
        watch->form = w->value.ask.form;
        watch->form.keep_alive = false;
        watch->group = w->value.ask.group;
        buf_init(&watch->key, GROUP_NAME_MAX + 1 + STORE_REQUEST_MAX);
        buf_init(&watch->data, DATA_MAX);
        buf_init(&watch->asked, STORE_REQUEST_MAX);
        watch->prefix = wish->prefix;
        watch->who = s->who != NULL ? s->who->known : (struct auth_known){0};
        if (buf_append_slice(&watch->asked, wish->key) != LARDER_OK) {
            free_watch(watch);
            return NULL;
        }
    }
    return watch;
}

static void send_head(struct http_watch *watch, int64_t revision) {
    struct session *s = watch->session;
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out == NULL) {
        return;
    }
    http_answer_begin(&a, out, &watch->form, 200);
    http_answer_line(&a, http_session_date(s));
    http_answer_line(&a, SLICE("Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"));
    http_answer_number(&a, SLICE("X-Larder-Revision"), (uint64_t)revision);
    session_check(s, http_answer_stream(&a));
}

static void begin(struct session *s, const struct http_wish *w, const struct watching_wish *wish) {
    struct http_watch *watch = watch_new(s, w, wish);
    struct reply reply = {.result = RESULT_NO_MEMORY};
    int64_t revision = 0;

    if (watch != NULL) {
        watch->watching = cmd_watch(&s->worker->context, w->policy, wish, on_ready, watch, &reply.result, &revision);
    }
    if (watch == NULL || watch->watching == NULL) {
        if (watch != NULL) {
            free_watch(watch);
        }
        http_value_answer(s, &w->value, &reply);
        return;
    }
    watch->told = wish->start_revision > 0 ? wish->start_revision - 1 : revision;
    watch->reached = watch->told;
    s->watch = watch;
    link_watch(watch);
    telemetry_request(s->worker->context.telemetry, PROTOCOL_HTTP, COMMAND_WATCH, watch->group, RESULT_CLASS_OK);
    session_trace_http_answered(s, &w->value.ask, 200);
    send_head(watch, revision);
    if (!s->failed && send_piece(watch, write_beginning, NULL)) {
        pump(watch);
    }
}

/* Where to begin: behind what a client that comes back has seen, else where it asks. False: it has seen nonsense. */
static bool read_start(const struct http_request *r, const struct http_wish *w, int64_t *ret_revision) {
    struct slice seen = r->head.fields[HTTP_FIELD_LAST_EVENT_ID];
    int64_t revision;

    if (seen.size > 0) {
        if (!number_parse_i64(seen, &revision) || revision < 0 || revision == INT64_MAX) {
            return false;
        }
        *ret_revision = revision + 1;
        return true;
    }
    *ret_revision = http_parameters_have(&w->parameters, HTTP_PARAMETER_REV) ? w->parameters.revision : 0;
    return true;
}

void http_session_watch(struct session *s, const struct http_request *r, struct http_wish *w) {
    struct watching_wish wish = {.prefix = http_parameters_have(&w->parameters, HTTP_PARAMETER_PREFIX)};
    struct http_problem problem;

    if (wish.prefix && !http_wish_find_group(s, w)) {
        http_session_refuse_group(s, w);
    } else if (!http_wish_allows(w, w->value.durable ? WATCH_PARAMETERS : 0, &problem)) {
        http_session_refuse_problem(s, w, &problem);
    } else if (r->head.verb != HTTP_VERB_GET) {
        http_session_refuse_request(s, &w->value.ask, 405, SLICE("a watch takes GET"));
    } else if (!read_start(r, w, &wish.start_revision)) {
        http_session_refuse_request(s, &w->value.ask, 400, SLICE("Last-Event-ID is not a revision"));
    } else {
        wish.key = wish.prefix ? w->parameters.prefix : slice_skip(w->value.key, (size_t)w->policy->name_size + 1);
        begin(s, w, &wish);
    }
}
