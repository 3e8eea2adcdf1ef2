/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* net/fetch.h, with the origin of server.c behind it: it answers late, in pieces, never, or with what is none. */

enum { FIELDS = 12, VALIDATOR = 64 };

enum fate {
    FATE_ANSWER,
    FATE_ERROR,    /* 500 and the like, in place of what it should say */
    FATE_HANG,     /* nothing comes */
    FATE_STALL,    /* the body does not end */
    FATE_CLOSED,   /* before the head */
    FATE_CUT,      /* in the body */
    FATE_SHORT,    /* it says another length than comes */
    FATE_ENDLESS,  /* until the fetcher has had enough of it */
    FATE_NONSENSE, /* what is no answer of HTTP */
    FATE_RENEWS,   /* 304 of something that nobody asked about */
    FATE_PARTIAL,  /* 206 */
    FATE_OUR_OWN,  /* there is no memory here */
    FATES
};

struct fetcher {
    struct fetcher_config config;
    struct worker *worker;
    struct fetch *fetches;
    struct fetcher_figures figures;
    bool ending;
};

struct fetch {
    struct fetch *next;
    struct fetcher *fetcher;
    uint64_t number; /* of the load */
    const struct fetch_ops *ops;
    void *ctx;
    enum fate fate;
    struct sim_event *event;
    struct sim_event *deadline;
    void (*step)(struct fetch *f);
    bool is_conditional;
    char etag[VALIDATOR];
    char date[VALIDATOR];
    struct slice body;
    size_t sent;
    bool paused;
    char text[LARGEST];
};

static struct load *load_for(const struct fetch *f) {
    return &world->loads[f->number];
}

const struct load *load_of(uint64_t number) {
    ENSURE(number > 0 && number <= world->load_count, "there was no answer %" PRIu64, number);
    return &world->loads[number];
}

/* --- steps --- */

static void run_step(void *ctx) {
    struct fetch *f = ctx;
    struct node *node = f->fetcher->worker->node;

    f->event = NULL;
    if (node->paused_until > world_now()) {
        f->event = sim_after(&world->sim, node->paused_until - world_now(), run_step, f);
        return;
    }
    f->step(f);
}

static void go_on(struct fetch *f, int64_t ns, void (*step)(struct fetch *f)) {
    f->step = step;
    f->event = sim_after(&world->sim, ns, run_step, f);
}

static void take_out(struct fetch *f) {
    struct fetch **at = &f->fetcher->fetches;

    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    f->fetcher->figures.fetches--;
    sim_cancel(&world->sim, f->event);
    sim_cancel(&world->sim, f->deadline);
}

static void end(struct fetch *f, enum larder_error error) {
    struct load *load = load_for(f);

    load->ended_ns = world_now();
    load->good = error == LARDER_OK && load->good;
    load->our_own = error == LARDER_ERROR_NO_MEMORY || error == LARDER_ERROR_IO || f->fetcher->ending;
    load->flight = NULL;
    seeds_trace(&world->sim, "answer %" PRIu64 " to node %d is whole: %s", f->number, load->node,
                larder_error_text(error));
    take_out(f);
    f->ops->on_done(f->ctx, error);
    free(f);
}

static void on_deadline(void *ctx) {
    struct fetch *f = ctx;

    f->deadline = NULL;
    end(f, LARDER_ERROR_TIMEOUT);
}

static void body(struct fetch *f) {
    size_t left = f->body.size - f->sent;
    size_t size = left > 1 ? (size_t)sim_between(&world->sim, 1, (int64_t)left) : left;

    if (f->sent > 0 && f->fate == FATE_STALL) {
        return;
    }
    if (f->sent > 0 && f->fate == FATE_CUT) {
        end(f, LARDER_ERROR_TRUNCATED);
        return;
    }
    if (left == 0) {
        end(f, f->fate == FATE_SHORT     ? LARDER_ERROR_TRUNCATED
               : f->fate == FATE_ENDLESS ? LARDER_ERROR_TOO_LARGE
                                         : LARDER_OK);
        return;
    }
    f->paused = f->ops->on_body(f->ctx, slice_make(f->body.data + f->sent, size)) == FETCH_PAUSE;
    f->sent += size;
    if (!f->paused) {
        go_on(f, sim_between(&world->sim, 0, SIM_MS), body);
    }
}

static void head(struct fetch *f) {
    struct load *load = load_for(f);
    struct fetch_field fields[FIELDS];
    char place[512];
    struct fetch_head head = {.status = load->status, .fields = fields};

    load->head_ns = world_now();
    head.field_count = server_fields(load, f->number, fields, place);
    f->body = load->renews || load->status == 304 ? slice_make(f->text, 0) : server_body(load, f->number, f->text);
    head.has_length = f->fate != FATE_ENDLESS && (f->fate == FATE_SHORT || f->number % 2 == 0);
    head.until_end = !head.has_length;
    head.length = f->body.size + (f->fate == FATE_SHORT ? 10 : 0);
    f->ops->on_head(f->ctx, &head);
    go_on(f, sim_between(&world->sim, 0, 2 * SIM_MS), body);
}

/* --- what it says --- */

static bool is_unchanged(const struct fetch *f, const struct load *load) {
    char etag[32], date[32];
    struct slice has = server_etag(load->key, load->version, etag);
    struct slice since = server_date(load->key, load->version, date);

    if (f->etag[0] != '\0') { /* RFC 9110, 13.2.2: then the date does not count */
        return slice_equal(slice_from_string(f->etag), has);
    }
    return f->date[0] != '\0' && slice_equal(slice_from_string(f->date), since);
}

/* A 304 about what has changed since is one that can be seen through: it names another entity tag. */
static bool may_lie(const struct fetch *f, const struct load *load) {
    return !f->is_conditional || server_version(load->key, load->version)->has_etag;
}

static void answer(struct fetch *f) {
    static const unsigned errors[] = {500, 502, 503, 504, 429};
    struct load *load = load_for(f);

    load->made_ns = world_now();
    load->version = world->keys[load->key].version;
    load->status = server_version(load->key, load->version)->status;
    load->good = true;
    if (f->is_conditional && is_unchanged(f, load)) {
        load->renews = true;
        load->status = 304;
    } else if (f->fate == FATE_ERROR) {
        load->status = errors[sim_between(&world->sim, 0, 4)];
    } else if (f->fate == FATE_PARTIAL || (f->fate == FATE_RENEWS && may_lie(f, load))) {
        load->good = false;
        load->status = f->fate == FATE_PARTIAL ? 206 : 304;
    }
    go_on(f, sim_between(&world->sim, 100 * SIM_US, 5 * SIM_MS), head);
}

static void arrive(struct fetch *f) {
    if (world->origin_down_until > world_now()) {
        end(f, LARDER_ERROR_REFUSED);
        return;
    }
    switch (f->fate) {
    case FATE_HANG:
        break;
    case FATE_CLOSED:
        end(f, LARDER_ERROR_CLOSED);
        break;
    case FATE_NONSENSE:
        end(f, LARDER_ERROR_PROTOCOL);
        break;
    case FATE_OUR_OWN:
        end(f, sim_chance(&world->sim, 50) ? LARDER_ERROR_NO_MEMORY : LARDER_ERROR_IO);
        break;
    default:
        answer(f);
        break;
    }
}

/* --- the header's functions --- */

struct fetcher *fetcher_new(struct loop *loop, const struct fetcher_config *config) {
    struct fetcher *fetcher = sim_new(sizeof(*fetcher));

    fetcher->config = *config;
    fetcher->worker = (struct worker *)(void *)loop;
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher) {
    if (fetcher != NULL) {
        fetcher->ending = true;
        while (fetcher->fetches != NULL) {
            end(fetcher->fetches, LARDER_ERROR_CLOSED);
        }
        free(fetcher);
    }
}

const struct fetcher_config *fetcher_made_with(const struct fetcher *fetcher) {
    return &fetcher->config;
}

const struct fetcher_figures *fetcher_figures(const struct fetcher *fetcher) {
    return &fetcher->figures;
}

static void add_load(struct fetch *f, const struct fetch_request *request) {
    const struct origin_flight *flight = f->ctx;
    const struct worker *worker = f->fetcher->worker;
    struct load load = {
        .key = key_of_url(request->url),
        .node = worker->node->index,
        .boot = worker->node->boot,
        .serial = flight->place.view != NULL ? flight->place.view->serial : 0,
        .aside = flight->place.aside,
        .alone = !flight->joinable,
        .not_stored = flight->first != NULL && (flight->first->wish.caching.words & HTTP_WISH_NO_STORE) != 0,
        .asked_ns = world_now(),
        .flight = flight,
    };

    truth_asks(&load);
    f->number = ++world->load_count;
    world->loads = realloc(world->loads, (world->load_count + 1) * sizeof(*world->loads));
    sim_must(world->loads != NULL);
    world->loads[f->number] = load;
    seeds_trace(&world->sim, "key %zu: node %d asks the origin%s, answer %" PRIu64 ", fate %d", load.key, load.node,
                load.aside ? " aside" : "", f->number, (int)f->fate);
}

static void copy(char place[VALIDATOR], struct slice value) {
    sim_must(value.size < VALIDATOR);
    memcpy(place, value.data, value.size);
}

enum larder_error fetch_start(struct fetcher *fetcher, const struct fetch_request *request, const struct fetch_ops *ops,
                              void *ctx, struct fetch **ret_fetch) {
    struct fetch *f;

    if (fetcher->ending) {
        return LARDER_ERROR_CLOSED;
    }
    if (world->bad_origin > 0 && sim_chance(&world->sim, 1)) {
        world->turned_away_ns = world_now();
        return LARDER_ERROR_LIMIT;
    }
    f = sim_new(sizeof(*f));
    f->fetcher = fetcher;
    f->ops = ops;
    f->ctx = ctx;
    f->fate =
        sim_chance(&world->sim, world->bad_origin) ? (enum fate)sim_between(&world->sim, 1, FATES - 1) : FATE_ANSWER;
    for (size_t i = 0; i < request->field_count; i++) {
        f->is_conditional = true;
        copy(slice_equal(request->fields[i].name, SLICE("If-None-Match")) ? f->etag : f->date,
             request->fields[i].value);
    }
    f->next = fetcher->fetches;
    fetcher->fetches = f;
    fetcher->figures.fetches++;
    add_load(f, request);
    if (request->deadline_ns != INT64_MAX) {
        f->deadline = sim_after(&world->sim, request->deadline_ns - world_now(), on_deadline, f);
    }
    go_on(f, sim_between(&world->sim, 200 * SIM_US, sim_chance(&world->sim, 10) ? 300 * SIM_MS : 30 * SIM_MS), arrive);
    *ret_fetch = f;
    return LARDER_OK;
}

void fetch_resume(struct fetch *f) {
    if (f->paused) {
        f->paused = false;
        go_on(f, 0, body);
    }
}

void fetch_renew(struct fetch *f, int64_t deadline_ns) {
    sim_cancel(&world->sim, f->deadline);
    f->deadline = sim_after(&world->sim, deadline_ns - world_now(), on_deadline, f);
}

void fetch_cancel(struct fetch *f) {
    load_for(f)->ended_ns = world_now();
    load_for(f)->flight = NULL;
    take_out(f);
    free(f);
}

const char *fetch_why(const struct fetch *f) {
    (void)f;
    return "";
}
