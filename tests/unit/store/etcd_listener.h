/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_ETCD_LISTENER_H
#define LARDER_TESTS_STORE_ETCD_LISTENER_H

#include <stdio.h>

#include "etcd_fake.h"
#include "store/etcd/watch.h"

/* Watches on a stream that the test answers: all that a watch tells is written down in a line of text. */

enum { LOG_MAX = 4096, EVENTS_MAX = 64 };

enum deed { DO_NOTHING, DO_CLOSE, DO_PAUSE, DO_PAUSE_AND_RESUME, DO_CLOSE_OTHER };

struct listener {
    struct etcd_watch *watch;
    char log[LOG_MAX];
    size_t size;
    enum deed on_events; /* what it does inside its events */
    enum deed on_lost;
    enum deed on_created;
    struct listener *other;
};

struct fixture {
    struct etcd_client client;
    struct etcd_watches *watches;
    struct listener a;
    struct listener b;
};

/* --- what it hears --- */

static inline void __attribute__((format(printf, 2, 3))) note(struct listener *l, const char *format, ...) {
    va_list args;

    va_start(args, format);
    l->size += (size_t)vsnprintf(l->log + l->size, LOG_MAX - l->size, format, args);
    va_end(args);
    assert_true(l->size < LOG_MAX);
}

static inline void act(struct listener *l, enum deed deed) {
    switch (deed) {
    case DO_CLOSE:
        etcd_watch_close(l->watch);
        l->watch = NULL;
        break;
    case DO_PAUSE:
        etcd_watch_pause(l->watch);
        break;
    case DO_PAUSE_AND_RESUME:
        etcd_watch_pause(l->watch);
        etcd_watch_resume(l->watch);
        break;
    case DO_CLOSE_OTHER:
        etcd_watch_close(l->other->watch);
        l->other->watch = NULL;
        break;
    default:
        break;
    }
}

static inline void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
    struct listener *l = ctx;

    for (size_t i = 0; i < count; i++) {
        note(l, "%s%.*s", events[i].kind == KV_EVENT_PUT ? "+" : "-", (int)events[i].kv.key.size,
             events[i].kv.key.data);
        note(l, "=%.*s", (int)events[i].kv.value.size, events[i].kv.value.data);
        if (events[i].has_previous) {
            note(l, "(%.*s)", (int)events[i].previous.value.size, events[i].previous.value.data);
        }
        note(l, "@%d ", (int)events[i].kv.mod_revision);
    }
    note(l, "to %d; ", (int)revision);
    act(l, l->on_events);
}

static inline void on_created(void *ctx, int64_t revision) {
    note(ctx, "created %d; ", (int)revision);
    act(ctx, ((struct listener *)ctx)->on_created);
}

static inline void on_progress(void *ctx, int64_t revision) {
    note(ctx, "progress %d; ", (int)revision);
}

static inline void on_lost(void *ctx) {
    note(ctx, "lost; ");
    act(ctx, ((struct listener *)ctx)->on_lost);
}

static inline void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    note(ctx, "end %d %d %.*s; ", (int)status, (int)compact_revision, (int)text.size, text.data);
}

static const struct etcd_watch_events events = {
    .on_events = on_events,
    .on_created = on_created,
    .on_progress = on_progress,
    .on_lost = on_lost,
    .on_end = on_end,
};

static inline void assert_heard(struct listener *l, const char *want) {
    assert_string_equal(l->log, want);
    l->size = 0;
    l->log[0] = '\0';
}

/* --- what the server says --- */

static inline Etcdserverpb__ResponseHeader header_at(int64_t revision) {
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

    header.revision = revision;
    header.cluster_id = 44;
    return header;
}

/* A response, its events written as "+key=value@revision": '-' is a delete, "fragment" at the end means what it says. */
struct said {
    Etcdserverpb__WatchResponse r;
    Etcdserverpb__ResponseHeader header;
    Mvccpb__Event events[EVENTS_MAX];
    Mvccpb__KeyValue kvs[EVENTS_MAX];
    Mvccpb__KeyValue previous;
    Mvccpb__Event *pointers[EVENTS_MAX];
};

static inline void say_init(struct said *s, int64_t id, int64_t revision) {
    etcdserverpb__watch_response__init(&s->r);
    s->header = header_at(revision);
    s->r.header = &s->header;
    s->r.watch_id = id;
    s->r.events = s->pointers;
}

static inline void add_event(struct said *s, char kind, const char *key, int64_t revision) {
    size_t i = s->r.n_events++;

    mvccpb__event__init(&s->events[i]);
    mvccpb__key_value__init(&s->kvs[i]);
    s->events[i].type = kind == '-' ? MVCCPB__EVENT__EVENT_TYPE__DELETE : MVCCPB__EVENT__EVENT_TYPE__PUT;
    s->events[i].kv = &s->kvs[i];
    s->kvs[i].key = etcd_bytes(slice_from_string(key));
    s->kvs[i].value = kind == '-' ? etcd_bytes(SLICE("")) : etcd_bytes(SLICE("v"));
    s->kvs[i].mod_revision = revision;
    s->pointers[i] = &s->events[i];
}

/* Puts of keys "a", "b", ... at the revisions, up to a 0. */
static inline void say(struct etcd_stream *stream, int64_t id, bool fragment, const int64_t *revisions) {
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct said s;

    say_init(&s, id, 1000);
    for (size_t i = 0; revisions[i] != 0; i++) {
        add_event(&s, '+', keys[i], revisions[i]);
    }
    s.r.fragment = fragment;
    fake_send(stream, &s.r.base);
}

#define SAY(stream, id, ...) say(stream, id, false, (const int64_t[]){__VA_ARGS__, 0})
#define SAY_PIECE(stream, id, ...) say(stream, id, true, (const int64_t[]){__VA_ARGS__, 0})

static inline void say_created(struct etcd_stream *stream, int64_t id, int64_t revision) {
    struct said s;

    say_init(&s, id, revision);
    s.r.created = true;
    fake_send(stream, &s.r.base);
}

static inline void say_cancelled(struct etcd_stream *stream, int64_t id, int64_t compact_revision, char *reason) {
    struct said s;

    say_init(&s, id, 1000);
    s.r.canceled = true;
    s.r.created = id == -1;
    s.r.compact_revision = compact_revision;
    s.r.cancel_reason = reason;
    fake_send(stream, &s.r.base);
}

static inline void say_progress(struct etcd_stream *stream, int64_t id, int64_t revision) {
    struct said s;

    say_init(&s, id, revision);
    fake_send(stream, &s.r.base);
}

/* --- what the server hears --- */

static inline const Etcdserverpb__WatchRequest *sent(struct etcd_stream *stream, size_t i) {
    assert_true(i < stream->sent_count);
    return (const Etcdserverpb__WatchRequest *)stream->sent[i];
}

static inline const Etcdserverpb__WatchCreateRequest *last_create(struct etcd_stream *stream) {
    const Etcdserverpb__WatchRequest *r = sent(stream, stream->sent_count - 1);

    assert_int_equal(r->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    return r->create_request;
}

static inline int64_t last_cancel(struct etcd_stream *stream) {
    const Etcdserverpb__WatchRequest *r = sent(stream, stream->sent_count - 1);

    assert_int_equal(r->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST);
    return r->cancel_request->watch_id;
}

/* --- the beginning --- */

static inline int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof(*f));

    fake_init(&f->client);
    f->client.cluster_id = 44;
    f->client.member_count = 1;
    f->client.members[0] = (struct etcd_member){.in_use = true, .health = ETCD_HEALTH_GOOD, .version = "3.4.31"};
    f->watches = etcd_watches_new(&f->client);
    f->a.other = &f->b;
    f->b.other = &f->a;
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *f = *state;

    etcd_watch_close(f->a.watch);
    etcd_watch_close(f->b.watch);
    etcd_watches_free(f->watches);
    fake_fini(&f->client);
    test_free(f);
    return 0;
}

static inline struct etcd_watch *open_at(struct fixture *f, struct listener *l, int64_t start_revision) {
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .start_revision = start_revision};

    l->watch = etcd_watch_open(f->watches, &want, true, &events, l);
    assert_non_null(l->watch);
    return l->watch;
}

static inline struct etcd_watch *open_alone(struct fixture *f, struct listener *l, int64_t start_revision) {
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .start_revision = start_revision};

    l->watch = etcd_watch_open_alone(f->watches, &want, true, &events, l);
    assert_non_null(l->watch);
    return l->watch;
}

/* One that lives under number 1, asked for from `start_revision` on, while the store is at 10. */
static inline struct etcd_stream *start(struct fixture *f, int64_t start_revision) {
    struct etcd_stream *stream;

    open_at(f, &f->a, start_revision);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    return stream;
}

/* The stream is lost and stands again; from where the watch is asked for then. */
static inline int64_t start_again(struct fixture *f, struct etcd_stream *stream, int64_t id) {
    int64_t from;

    fake_lose(stream);
    fake_open(stream);
    from = last_create(stream)->start_revision;
    say_created(stream, id, 50);
    assert_heard(&f->a, "lost; created 50; ");
    return from;
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
