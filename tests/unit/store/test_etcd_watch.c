/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_fake.h"

#include <stdio.h>

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

static void __attribute__((format(printf, 2, 3))) note(struct listener *l, const char *format, ...) {
    va_list args;

    va_start(args, format);
    l->size += (size_t)vsnprintf(l->log + l->size, LOG_MAX - l->size, format, args);
    va_end(args);
    assert_true(l->size < LOG_MAX);
}

static void act(struct listener *l, enum deed deed) {
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

static void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
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

static void on_created(void *ctx, int64_t revision) {
    note(ctx, "created %d; ", (int)revision);
    act(ctx, ((struct listener *)ctx)->on_created);
}

static void on_progress(void *ctx, int64_t revision) {
    note(ctx, "progress %d; ", (int)revision);
}

static void on_lost(void *ctx) {
    note(ctx, "lost; ");
    act(ctx, ((struct listener *)ctx)->on_lost);
}

static void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    note(ctx, "end %d %d %.*s; ", (int)status, (int)compact_revision, (int)text.size, text.data);
}

static const struct etcd_watch_events events = {
    .on_events = on_events,
    .on_created = on_created,
    .on_progress = on_progress,
    .on_lost = on_lost,
    .on_end = on_end,
};

static void assert_heard(struct listener *l, const char *want) {
    assert_string_equal(l->log, want);
    l->size = 0;
    l->log[0] = '\0';
}

/* --- what the server says --- */

static Etcdserverpb__ResponseHeader header_at(int64_t revision) {
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

static void say_init(struct said *s, int64_t id, int64_t revision) {
    etcdserverpb__watch_response__init(&s->r);
    s->header = header_at(revision);
    s->r.header = &s->header;
    s->r.watch_id = id;
    s->r.events = s->pointers;
}

static void add_event(struct said *s, char kind, const char *key, int64_t revision) {
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
static void say(struct etcd_stream *stream, int64_t id, bool fragment, const int64_t *revisions) {
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

static void say_created(struct etcd_stream *stream, int64_t id, int64_t revision) {
    struct said s;

    say_init(&s, id, revision);
    s.r.created = true;
    fake_send(stream, &s.r.base);
}

static void say_cancelled(struct etcd_stream *stream, int64_t id, int64_t compact_revision, char *reason) {
    struct said s;

    say_init(&s, id, 1000);
    s.r.canceled = true;
    s.r.created = id == -1;
    s.r.compact_revision = compact_revision;
    s.r.cancel_reason = reason;
    fake_send(stream, &s.r.base);
}

static void say_progress(struct etcd_stream *stream, int64_t id, int64_t revision) {
    struct said s;

    say_init(&s, id, revision);
    fake_send(stream, &s.r.base);
}

/* --- what the server hears --- */

static const Etcdserverpb__WatchRequest *sent(struct etcd_stream *stream, size_t i) {
    assert_true(i < stream->sent_count);
    return (const Etcdserverpb__WatchRequest *)stream->sent[i];
}

static const Etcdserverpb__WatchCreateRequest *last_create(struct etcd_stream *stream) {
    const Etcdserverpb__WatchRequest *r = sent(stream, stream->sent_count - 1);

    assert_int_equal(r->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    return r->create_request;
}

static int64_t last_cancel(struct etcd_stream *stream) {
    const Etcdserverpb__WatchRequest *r = sent(stream, stream->sent_count - 1);

    assert_int_equal(r->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST);
    return r->cancel_request->watch_id;
}

/* --- the beginning --- */

static int setup(void **state) {
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

static int teardown(void **state) {
    struct fixture *f = *state;

    etcd_watch_close(f->a.watch);
    etcd_watch_close(f->b.watch);
    etcd_watches_free(f->watches);
    fake_fini(&f->client);
    test_free(f);
    return 0;
}

static struct etcd_watch *open_at(struct fixture *f, struct listener *l, int64_t start_revision) {
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .start_revision = start_revision};

    l->watch = etcd_watch_open(f->watches, &want, true, &events, l);
    assert_non_null(l->watch);
    return l->watch;
}

/* One that lives under number 1, asked for from `start_revision` on, while the store is at 10. */
static struct etcd_stream *start(struct fixture *f, int64_t start_revision) {
    struct etcd_stream *stream;

    open_at(f, &f->a, start_revision);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    return stream;
}

/* The stream is lost and stands again; from where the watch is asked for then. */
static int64_t start_again(struct fixture *f, struct etcd_stream *stream, int64_t id) {
    int64_t from;

    fake_lose(stream);
    fake_open(stream);
    from = last_create(stream)->start_revision;
    say_created(stream, id, 50);
    assert_heard(&f->a, "lost; created 50; ");
    return from;
}

/* --- creation --- */

static void what_is_asked_for(void **state) {
    struct fixture *f = *state;
    const struct store_watch want = {
        .span = {SLICE("k"), SLICE("\0")},
        .start_revision = 8,
        .want_previous = true,
        .no_put = true,
        .no_delete = true,
    };
    const Etcdserverpb__WatchCreateRequest *c;
    struct etcd_stream *stream;

    f->a.watch = etcd_watch_open(f->watches, &want, false, &events, &f->a);
    stream = fake_stream(&f->client);
    assert_int_equal(stream->method, ETCD_METHOD_WATCH);
    fake_open(stream);
    c = last_create(stream);
    assert_true(slice_equal(etcd_bytes_slice(c->key), SLICE("k")));
    assert_true(slice_equal(etcd_bytes_slice(c->range_end), SLICE("\0")));
    assert_int_equal(c->start_revision, 8);
    assert_true(c->prev_kv);
    assert_true(c->fragment);
    assert_false(c->progress_notify);
    assert_int_equal(c->n_filters, 2);
    assert_int_equal(c->filters[0], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT);
    assert_int_equal(c->filters[1], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE);
}

static void one_after_the_other(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 5);
    assert_int_equal(f->client.stream_count, 1);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(stream->sent_count, 1);
    assert_int_equal(last_create(stream)->start_revision, 0);
    say_created(stream, 0, 10);
    assert_int_equal(stream->sent_count, 2);
    assert_int_equal(last_create(stream)->start_revision, 5);
    say_created(stream, 256, 11); /* the same bucket */
    SAY(stream, 256, 6, 7);
    SAY(stream, 0, 12);
    assert_heard(&f->a, "created 10; +a=v@12 to 12; ");
    assert_heard(&f->b, "created 11; +a=v@6 +b=v@7 to 7; ");
    SAY(stream, 3, 13); /* nobody's */
    assert_int_equal(f->client.revision, 1000);
    assert_int_equal(stream->distrusted, 0);
}

static void more_than_a_stream_takes(void **state) {
    struct fixture *f = *state;
    enum { COUNT = 1001 };
    static struct listener many[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        open_at(f, &many[i], 0);
    }
    assert_int_equal(f->client.stream_count, 2);
    for (size_t i = 0; i < COUNT; i++) {
        etcd_watch_close(many[i].watch);
    }
    assert_true(f->client.streams[0].closed);
    assert_true(f->client.streams[1].closed);
}

static void refused(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;
    char denied[] = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    char empty[] = "mvcc: watcher range is empty";
    char other[] = "go away";
    char want[128];

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, denied);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_DENIED, denied);
    assert_heard(&f->a, want);
    etcd_watch_resume(f->a.watch); /* it is over */
    etcd_watch_pause(f->a.watch);
    assert_int_equal(stream->sent_count, 2);
    say_cancelled(stream, -1, 0, empty);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_EMPTY_KEY, empty);
    assert_heard(&f->b, want);
    assert_true(stream->closed);

    etcd_watch_close(f->a.watch);
    open_at(f, &f->a, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, other);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_PROTOCOL, other);
    assert_heard(&f->a, want);
}

/* A token that ran out, a member without a leader: the watch can be had again. */
static void refused_for_now(void **state) {
    struct fixture *f = *state;
    char token[] = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";
    char leader[] = "rpc error: code = Unavailable desc = etcdserver: no leader";
    struct etcd_stream *stream;

    open_at(f, &f->a, 7);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, token);
    assert_int_equal(stream->renewed, 1); /* the member is not blamed */
    assert_int_equal(stream->distrusted, 0);
    assert_string_equal(stream->why, token);
    fake_lose(stream);
    assert_heard(&f->a, "");
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 7);
    say_created(stream, 1, 10);
    say_cancelled(stream, 1, 0, leader);
    assert_int_equal(stream->distrusted, 1);
    fake_lose(stream);
    assert_heard(&f->a, "created 10; lost; ");
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 7);
}

/* --- going on after a loss --- */

static void resumed_after_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 5);

    assert_int_equal(start_again(f, stream, 1), 5);
    SAY(stream, 1, 7, 9);
    assert_heard(&f->a, "+a=v@7 +b=v@9 to 9; ");
    assert_int_equal(start_again(f, stream, 1), 10);
    SAY(stream, 1, 9, 10); /* the server begins too early */
    assert_heard(&f->a, "+b=v@10 to 10; ");
    SAY(stream, 1, 10);
    SAY(stream, 1, 3);
    assert_heard(&f->a, "");
}

/* What happens between creation and loss is not lost, though no event has come. */
static void resumed_without_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    assert_int_equal(start_again(f, stream, 1), 11);
    assert_int_equal(start_again(f, stream, 2), 11); /* not 51 */
}

static void lost_before_it_was_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    stream = fake_stream(&f->client);
    fake_lose(stream);
    fake_open(stream);
    fake_lose(stream);
    fake_open(stream);
    assert_int_equal(stream->sent_count, 2);
    assert_int_equal(last_create(stream)->start_revision, 0);
    assert_heard(&f->a, "");
}

static void compacted(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    char none[] = "";
    char want[64];

    start_again(f, stream, 4);
    say_cancelled(stream, 4, 40, none);
    snprintf(want, sizeof(want), "end %d 40 ; ", STORE_COMPACTED);
    assert_heard(&f->a, want);
    assert_true(stream->closed);
}

static void cancelled_without_a_reason(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    char none[] = "";

    SAY(stream, 1, 11);
    say_cancelled(stream, 1, 0, none);
    assert_int_equal(stream->distrusted, 1);
    SAY(stream, 1, 12); /* not from a call that is given up */
    fake_lose(stream);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 12);
    assert_heard(&f->a, "+a=v@11 to 11; lost; ");
}

/* --- revisions, whole --- */

static void fragments(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11, 11);
    assert_heard(&f->a, "");
    SAY_PIECE(stream, 1, 11);
    assert_heard(&f->a, "");
    SAY(stream, 1, 11);
    assert_heard(&f->a, "+a=v@11 +b=v@11 +a=v@11 +a=v@11 to 11; ");

    SAY_PIECE(stream, 1, 12, 13, 14, 14); /* what is whole comes at once */
    assert_heard(&f->a, "+a=v@12 +b=v@13 to 13; ");
    SAY_PIECE(stream, 1, 14, 15);
    assert_heard(&f->a, "+c=v@14 +d=v@14 +a=v@14 to 14; ");
    SAY(stream, 1, 16, 17);
    assert_heard(&f->a, "+b=v@15 to 15; +a=v@16 +b=v@17 to 17; ");
}

static void a_loss_between_fragments(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11, 12, 12);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    assert_int_equal(start_again(f, stream, 1), 12);
    SAY(stream, 1, 12, 12, 12);
    assert_heard(&f->a, "+a=v@12 +b=v@12 +c=v@12 to 12; ");
}

static void going_back(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY(stream, 1, 12, 11, 13, 12, 13);
    assert_heard(&f->a, "+a=v@12 +c=v@13 +e=v@13 to 13; ");
    SAY_PIECE(stream, 1, 20);
    SAY_PIECE(stream, 1, 14); /* while a later one is held */
    SAY(stream, 1, 20);
    assert_heard(&f->a, "+a=v@20 +a=v@20 to 20; ");
    SAY(stream, 1, 20);
    assert_heard(&f->a, "");
}

static void a_revision_too_large(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    const size_t size = 64 << 20;
    char *value = test_calloc(1, size);
    char want[96];

    for (int i = 0; i < 4; i++) {
        struct said s;

        say_init(&s, 1, 11);
        add_event(&s, '+', "k", 11);
        s.kvs[0].value = etcd_bytes(slice_make(value, size));
        s.r.fragment = true;
        fake_send(stream, &s.r.base);
    }
    test_free(value);
    snprintf(want, sizeof(want), "end %d 0 a revision in pieces is too large; ", STORE_NO_MEMORY);
    assert_heard(&f->a, want);
    assert_true(stream->closed);
}

static void deletes_and_previous_values(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    struct said s;

    say_init(&s, 1, 20);
    add_event(&s, '-', "k", 15);
    add_event(&s, '+', "l", 15);
    mvccpb__key_value__init(&s.previous);
    s.previous.value = etcd_bytes(SLICE("old"));
    s.events[0].prev_kv = &s.previous;
    s.r.fragment = true; /* so it is copied */
    fake_send(stream, &s.r.base);
    SAY(stream, 1, 16);
    assert_heard(&f->a, "-k=(old)@15 +l=v@15 to 15; +a=v@16 to 16; ");
}

/* --- nonsense --- */

static void nonsense(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    struct said s;

    fake_send_bytes(stream, SLICE("\xff\xff\xff"));
    assert_int_equal(stream->distrusted, 1);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    s.r.header = NULL;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 2);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    s.header.cluster_id = 45;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 3);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    add_event(&s, '+', "k", 15);
    s.events[0].kv = NULL;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 4);
    start_again(f, stream, 1);

    say_created(stream, 2, 20); /* nobody asked */
    assert_int_equal(stream->distrusted, 5);
    start_again(f, stream, 1);

    say_init(&s, 1, -1);
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 6);
    start_again(f, stream, 1);

    say_init(&s, 1, INT64_MAX); /* there is none after it */
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 7);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    add_event(&s, '+', "k", INT64_MAX);
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 8);
    start_again(f, stream, 1);

    open_at(f, &f->b, 0);
    say_created(stream, 1, 20); /* a number that is taken */
    assert_int_equal(stream->distrusted, 9);
    fake_lose(stream);
    fake_open(stream);
    say_created(stream, 1, 60);
    say_created(stream, 2, 61);
    assert_int_equal(strstr(f->b.log, "created") != NULL, 1);
}

static void a_stream_that_does_not_send(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 3);
    stream = fake_stream(&f->client);
    stream->refuses = true;
    stream->loses_at_once = true;
    fake_open(stream);
    assert_int_equal(stream->distrusted, 1);
    stream->refuses = false;
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 3);
    f->client.no_streams = true;
    etcd_watch_pause(f->a.watch);
    assert_null(etcd_watch_open(f->watches, &(struct store_watch){0}, false, &events, &f->b));
    etcd_watch_resume(f->a.watch);
    assert_non_null(strstr(f->a.log, "end"));
}

/* --- progress --- */

static void progress(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    say_progress(stream, 1, 30);
    assert_heard(&f->a, "progress 30; ");
    SAY(stream, 1, 29, 31);
    assert_heard(&f->a, "+b=v@31 to 31; ");
    say_progress(stream, -1, 90); /* asked for by somebody: of no watch */
    SAY_PIECE(stream, 1, 40);
    say_progress(stream, 1, 90); /* in the middle of a revision */
    assert_heard(&f->a, "");
    SAY(stream, 1, 40);
    assert_heard(&f->a, "+a=v@40 +a=v@40 to 40; ");
    say_progress(stream, 1, 80);
    assert_heard(&f->a, "progress 80; ");
    assert_int_equal(start_again(f, stream, 1), 81);
}

static void progress_of_an_old_server(void **state) {
    static const char *const bad[] = {"",  "3.4.30", "3.5.12", "3.3.99", "3.6.0-rc.0", "3.4.31-rc.1",
                                      "x", "3.4",    "2.9.9",  "3.4.3"};
    static const char *const good[] = {"3.4.31", "3.4.42", "3.5.13", "3.6.0", "3.10.0", "4.0.0", "3.4.31+deb"};
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", bad[i]);
        say_progress(stream, 1, 30);
        assert_heard(&f->a, "");
    }
    assert_int_equal(start_again(f, stream, 1), 11);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", good[i]);
        say_progress(stream, 1, 30);
        assert_heard(&f->a, "progress 30; ");
    }
    f->client.member_count = 2;
    f->client.members[1] = (struct etcd_member){.health = ETCD_HEALTH_GOOD, .version = "3.4.23"};
    say_progress(stream, 1, 30); /* the stream may be with that one */
    assert_heard(&f->a, "");
    f->client.members[1].health = ETCD_HEALTH_FAILING;
    say_progress(stream, 1, 30);
    assert_heard(&f->a, "progress 30; ");
}

/* --- alone on a stream --- */

static struct etcd_watch *open_alone(struct fixture *f, struct listener *l, int64_t start_revision) {
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .start_revision = start_revision};

    l->watch = etcd_watch_open_alone(f->watches, &want, true, &events, l);
    assert_non_null(l->watch);
    return l->watch;
}

static void one_that_is_alone_shares_no_stream(void **state) {
    struct fixture *f = *state;

    open_at(f, &f->b, 0);
    open_alone(f, &f->a, 5);
    assert_int_equal(f->client.stream_count, 2);
    etcd_watch_close(f->b.watch);
    open_at(f, &f->b, 0);
    assert_int_equal(f->client.stream_count, 3); /* nor does anybody join it */
}

/* What it knows already is asked for once more and passed over: the next revision's deletion is lost if that is compacted. */
static void one_that_is_alone_begins_at_what_it_knows(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 4);
    say_created(stream, 1, 10);
    SAY(stream, 1, 4);
    SAY(stream, 1, 5);
    assert_heard(&f->a, "created 10; +a=v@5 to 5; ");
    etcd_watch_close(f->a.watch);
    open_alone(f, &f->a, 1);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 1);
}

static size_t progress_asked(struct etcd_stream *stream) {
    size_t count = 0;

    for (size_t i = 0; i < stream->sent_count; i++) {
        count += sent(stream, i)->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
    }
    return count;
}

static void progress_that_was_asked_for(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    etcd_watch_ask_progress(f->a.watch);
    fake_open(stream);
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 0); /* the cluster does not have it yet */
    say_progress(stream, -1, 9);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 1);
    say_progress(stream, -1, 30);
    assert_heard(&f->a, "progress 30; ");
    SAY_PIECE(stream, 1, 31);
    say_progress(stream, -1, 90); /* in the middle of a revision */
    SAY(stream, -1, 32);          /* that has events is no such answer */
    SAY(stream, 1, 31);
    assert_heard(&f->a, "+a=v@31 +a=v@31 to 31; ");
    say_progress(stream, -1, 40);
    assert_heard(&f->a, "progress 40; ");
    assert_int_equal(start_again(f, stream, 1), 40);
}

static void progress_of_who_would_not_tell_the_truth(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_TRUE);
    snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", "3.4.23");
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_FALSE);
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 0);
    say_progress(stream, -1, 30);
    assert_heard(&f->a, "");
    f->client.members[0].version[0] = '\0';
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_UNKNOWN);
    f->client.member_count = 0;
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_UNKNOWN);
}

/* --- pause and close --- */

static void paused(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 0);
    say_created(stream, 2, 20);
    SAY(stream, 1, 21);
    etcd_watch_pause(f->a.watch);
    assert_int_equal(last_cancel(stream), 1);
    etcd_watch_pause(f->a.watch);
    SAY(stream, 1, 22); /* under way */
    say_cancelled(stream, 1, 0, (char[]){""});
    assert_heard(&f->a, "+a=v@21 to 21; ");
    etcd_watch_resume(f->a.watch);
    assert_int_equal(last_create(stream)->start_revision, 22);
    etcd_watch_resume(f->a.watch);
    say_created(stream, 3, 30);
    SAY(stream, 3, 22);
    SAY(stream, 2, 22);
    assert_heard(&f->a, "created 30; +a=v@22 to 22; ");
    assert_heard(&f->b, "created 20; +a=v@22 to 22; ");
    assert_int_equal(stream->distrusted, 0);
}

/* The last of a stream: the stream goes with it. */
static void paused_alone(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    etcd_watch_pause(f->a.watch);
    assert_true(stream->closed);
    etcd_watch_resume(f->a.watch);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 11);
}

/* It leaves while its creation is under way. */
static void left_while_it_is_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 6);
    etcd_watch_close(f->b.watch);
    open_at(f, &f->b, 7);
    assert_int_equal(stream->sent_count, 2);
    say_created(stream, 2, 20); /* of the one that has left */
    assert_int_equal(stream->sent_count, 4);
    assert_int_equal(sent(stream, 2)->cancel_request->watch_id, 2);
    assert_int_equal(last_create(stream)->start_revision, 7);
    assert_heard(&f->b, "");
    say_created(stream, 3, 21);
    assert_heard(&f->b, "created 21; ");
    etcd_watch_pause(f->b.watch);
    etcd_watch_resume(f->b.watch);
    etcd_watch_pause(f->b.watch);
    say_cancelled(stream, -1, 0, (char[]){"no"}); /* refused, and nobody wants it any more */
    assert_heard(&f->b, "");
    SAY(stream, 1, 40);
    assert_heard(&f->a, "+a=v@40 to 40; ");
}

static void closed_inside_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_CLOSE;
    SAY_PIECE(stream, 1, 11, 12); /* with more to come */
    assert_heard(&f->a, "+a=v@11 to 11; ");
    assert_true(stream->closed);
}

static void closed_inside_held_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11);
    f->a.on_events = DO_CLOSE;
    SAY(stream, 1, 11, 12, 13);
    assert_heard(&f->a, "+a=v@11 +a=v@11 to 11; ");
    assert_true(stream->closed);
}

static void paused_inside_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_PAUSE_AND_RESUME;
    SAY_PIECE(stream, 1, 11);
    SAY(stream, 1, 12, 13);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 12);
    f->a.on_events = DO_PAUSE;
    say_created(stream, 1, 20);
    SAY(stream, 1, 12, 13);
    assert_heard(&f->a, "created 20; +a=v@12 +b=v@13 to 13; ");
    assert_true(stream->closed);
}

/* The piece that came with it is nothing that the next call may go on with. */
static void paused_before_a_piece(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_PAUSE;
    SAY_PIECE(stream, 1, 11, 12);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    f->a.on_events = DO_NOTHING;
    etcd_watch_resume(f->a.watch);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 20);
    SAY(stream, 1, 12);
    assert_heard(&f->a, "created 20; +a=v@12 to 12; ");
}

static void closed_when_it_is_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    f->a.on_created = DO_CLOSE;
    f->b.on_created = DO_CLOSE;
    say_created(stream, 1, 10);
    say_created(stream, 2, 10);
    assert_null(f->a.watch);
    assert_null(f->b.watch);
    assert_true(stream->closed);
}

static void closed_inside_a_loss(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 0);
    say_created(stream, 2, 20);
    f->a.on_lost = DO_CLOSE_OTHER;
    fake_lose(stream);
    assert_heard(&f->a, "lost; ");
    assert_heard(&f->b, "created 20; ");
    fake_open(stream);
    assert_int_equal(stream->sent_count, 3); /* nothing is cancelled: the call was lost */
    say_created(stream, 1, 30);
    f->a.on_lost = DO_CLOSE;
    fake_lose(stream);
    assert_heard(&f->a, "created 30; lost; ");
    assert_true(stream->closed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_for),
        TEST(one_after_the_other),
        TEST(more_than_a_stream_takes),
        TEST(refused),
        TEST(refused_for_now),
        TEST(resumed_after_events),
        TEST(resumed_without_events),
        TEST(lost_before_it_was_created),
        TEST(compacted),
        TEST(cancelled_without_a_reason),
        TEST(fragments),
        TEST(a_loss_between_fragments),
        TEST(going_back),
        TEST(a_revision_too_large),
        TEST(deletes_and_previous_values),
        TEST(nonsense),
        TEST(a_stream_that_does_not_send),
        TEST(progress),
        TEST(progress_of_an_old_server),
        TEST(one_that_is_alone_shares_no_stream),
        TEST(one_that_is_alone_begins_at_what_it_knows),
        TEST(progress_that_was_asked_for),
        TEST(progress_of_who_would_not_tell_the_truth),
        TEST(paused),
        TEST(paused_alone),
        TEST(left_while_it_is_created),
        TEST(closed_inside_events),
        TEST(closed_inside_held_events),
        TEST(paused_inside_events),
        TEST(paused_before_a_piece),
        TEST(closed_when_it_is_created),
        TEST(closed_inside_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
