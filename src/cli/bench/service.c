/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/service.h"

#include <stdlib.h>

enum {
    TRIES_MAX = 16,    /* draws for a key that may be written */
    ABSENT_SHARE = 20, /* one key of so many may be absent before puts bring keys back */
    RECENT_SHARE = 4,  /* one read of so many asks for a key that was just written */
    SHARES = 1000,     /* of which a route has: */
    SHARE_DELETE = 45, /* 4.5 % */
    SHARE_PUT = 46,    /* 4.6 % */
    SHARE_GET = 412,   /* 41.2 %; the rest, 49.7 %, goes to the cache */
};

static uint64_t threads_of(const struct service *s) {
    return s->config->base.threads;
}

static uint64_t own_keys(const struct service *s, const struct service_worker *w) {
    return (s->config->base.keys - w->index + threads_of(s) - 1) / threads_of(s);
}

static bool worker_init(struct service *s, struct service_worker *w, uint64_t index) {
    w->index = index;
    w->next_fill = index;
    random_init(&w->random, s->config->base.seed * UINT64_C(0x9e3779b97f4a7c15) + index);
    service_stats_init(&w->stats);
    w->absent_capacity = own_keys(s, w);
    w->absent = calloc(w->absent_capacity, sizeof(*w->absent));
    return w->absent != NULL;
}

enum larder_error service_init(struct service *s, const struct service_config *config, uint64_t run) {
    enum larder_error error;

    *s = (struct service){.config = config};
    error = ledger_init(&s->ledger, config->base.keys, config->node_count, run);
    if (error != LARDER_OK) {
        return error;
    }
    s->workers = calloc(config->base.threads, sizeof(*s->workers));
    for (uint64_t i = 0; s->workers != NULL && i < config->base.threads; i++) {
        if (!worker_init(s, &s->workers[i], i)) {
            service_fini(s);
            return LARDER_ERROR_NO_MEMORY;
        }
    }
    if (s->workers == NULL) {
        service_fini(s);
        return LARDER_ERROR_NO_MEMORY;
    }
    return LARDER_OK;
}

void service_fini(struct service *s) {
    for (uint64_t i = 0; s->workers != NULL && i < threads_of(s); i++) {
        free(s->workers[i].absent);
    }
    free(s->workers);
    ledger_fini(&s->ledger);
    s->workers = NULL;
}

/* Keys look like digests: no common beginnings, as real ones have none. The first 16 digits alone are different for
 * different keys, because each step can be undone (Steele, Lea, Flood: SplitMix, 2014). */
static uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void service_key_text(uint64_t key, char *ret_text) {
    static const char digits[] = "0123456789abcdef";

    for (uint64_t part = 0; part < SERVICE_KEY_SIZE / 16; part++) {
        uint64_t bits = scramble(key + 1 + (part << 48));

        for (int i = 15; i >= 0; i--) {
            ret_text[part * 16 + (uint64_t)i] = digits[bits & 15];
            bits >>= 4;
        }
    }
}

void service_note_absent(struct service_worker *w, uint64_t key) {
    if (w->absent_count < w->absent_capacity) {
        w->absent[(w->absent_first + w->absent_count++) % w->absent_capacity] = key;
    }
}

static bool pop_absent(struct service *s, struct service_worker *w, uint64_t *ret_key) {
    while (w->absent_count > 0) {
        uint64_t key = w->absent[w->absent_first];

        w->absent_first = (w->absent_first + 1) % w->absent_capacity;
        w->absent_count--;
        if (ledger_is_free(&s->ledger, key) && !ledger_is_present(&s->ledger, key)) {
            *ret_key = key;
            return true;
        }
    }
    return false;
}

/* A free key of the worker's own, with a value if `present`. False: none was found. */
static bool draw_own(struct service *s, struct service_worker *w, bool present, uint64_t *ret_key) {
    for (int i = 0; i < TRIES_MAX; i++) {
        uint64_t key = w->index + threads_of(s) * random_below(&w->random, own_keys(s, w));

        if (ledger_is_free(&s->ledger, key) && (!present || ledger_is_present(&s->ledger, key))) {
            *ret_key = key;
            return true;
        }
    }
    return false;
}

static void begin_write(struct service *s, struct service_worker *w, enum route route, uint64_t key,
                        struct service_work *ret_work) {
    w->recent[w->recent_count++ % SERVICE_RECENT] = key;
    *ret_work = (struct service_work){
        .route = route,
        .key = key,
        .floor = ledger_floor(&s->ledger, key),
        .number = ledger_begin(&s->ledger, key, route == ROUTE_DELETE),
    };
}

static bool next_delete(struct service *s, struct service_worker *w, struct service_work *ret_work) {
    uint64_t key;

    if (!draw_own(s, w, true, &key)) {
        return false;
    }
    begin_write(s, w, ROUTE_DELETE, key, ret_work);
    return true;
}

static bool next_put(struct service *s, struct service_worker *w, struct service_work *ret_work) {
    uint64_t key;

    if (!(w->absent_count > own_keys(s, w) / ABSENT_SHARE && pop_absent(s, w, &key)) && !draw_own(s, w, false, &key)) {
        return false;
    }
    begin_write(s, w, ROUTE_PUT, key, ret_work);
    return true;
}

static uint64_t draw_read(struct service *s, struct service_worker *w) {
    uint64_t recent = w->recent_count < SERVICE_RECENT ? w->recent_count : SERVICE_RECENT;

    if (recent > 0 && random_below(&w->random, RECENT_SHARE) == 0) {
        return w->recent[random_below(&w->random, recent)];
    }
    return random_below(&w->random, s->config->base.keys);
}

static void next_read(struct service *s, struct service_worker *w, bool cached, size_t node,
                      struct service_work *ret_work) {
    uint64_t key = draw_read(s, w);

    *ret_work = (struct service_work){
        .route = cached ? ROUTE_GET_CACHED : ROUTE_GET,
        .key = key,
        .floor = cached ? ledger_floor_by(&s->ledger, key, node) : ledger_floor(&s->ledger, key),
    };
}

bool service_next_fill(struct service *s, struct service_worker *w, struct service_work *ret_work) {
    if (w->next_fill >= s->config->base.keys) {
        return false;
    }
    begin_write(s, w, ROUTE_PUT, w->next_fill, ret_work);
    w->next_fill += threads_of(s);
    return true;
}

void service_next(struct service *s, struct service_worker *w, size_t node, struct service_work *ret_work) {
    uint64_t share = random_below(&w->random, SHARES);

    /* While every key that may be written is being written, there is still something to read. */
    if (share < SHARE_DELETE && next_delete(s, w, ret_work)) {
        return;
    }
    if (share >= SHARE_DELETE && share < SHARE_DELETE + SHARE_PUT && next_put(s, w, ret_work)) {
        return;
    }
    next_read(s, w, share >= SHARE_DELETE + SHARE_PUT + SHARE_GET, node, ret_work);
}
