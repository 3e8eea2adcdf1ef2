/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "cohere/coherence_internal.h"
#include "cohere/spans.h"

/* Mirrors: spans all of whose keys are known. They are loaded page by page as of one revision, while events go on; an entry that an
 * event has made, present or absent, is newer than what a page says of the key. */

/* --- which mirror --- */

static int by_key(const void *a, const void *b) {
    return slice_compare(((const struct mirror *)a)->span.key, ((const struct mirror *)b)->span.key);
}

struct mirror *mirror_of(const struct coherence *c, const struct store_span *span) {
    size_t low = 0;
    size_t high = c->mirror_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_compare(c->mirrors[middle].span.key, span->key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && span_holds(&c->mirrors[low - 1].span, span) ? &c->mirrors[low - 1] : NULL;
}

struct mirror *mirror_of_key(const struct coherence *c, struct slice key) {
    const struct store_span span = {.key = key};

    return c->mirror_count > 0 ? mirror_of(c, &span) : NULL;
}

/* --- life --- */

bool mirrors_init(struct coherence *c) {
    c->mirrors = calloc(c->config.mirror_count + 1, sizeof(*c->mirrors));
    if (c->mirrors == NULL) {
        return false;
    }
    for (size_t i = 0; i < c->config.mirror_count; i++) {
        struct mirror *m = &c->mirrors[i];

        if (!span_copy(&c->config.mirrors[i], &m->place, &m->span)) {
            return false;
        }
        m->limit = COHERENCE_PAGE_KEYS;
        c->mirror_count++;
    }
    c->mirror_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    qsort(c->mirrors, c->mirror_count, sizeof(*c->mirrors), by_key);
    return true;
}

void mirrors_fini(struct coherence *c) {
    for (size_t i = 0; i < c->mirror_count; i++) {
        free(c->mirrors[i].from);
        free(c->mirrors[i].place);
    }
    free(c->mirrors);
    question_fini(&c->mirror_page);
}

static void begin_anew(struct mirror *m) {
    m->state = MIRROR_WAITING;
    m->revision = 0;
    m->ahead = 0;
    free(m->from);
    m->from = NULL;
}

static void count_loaded(struct coherence *c) {
    size_t loaded = 0;

    for (size_t i = 0; i < c->mirror_count; i++) {
        loaded += c->mirrors[i].state == MIRROR_LOADED;
    }
    atomic_store_explicit(&c->counts.mirrors_loaded, loaded, memory_order_relaxed);
}

void mirrors_reset(struct coherence *c) {
    for (size_t i = 0; i < c->mirror_count; i++) {
        atomic_store_explicit(&c->mirrors[i].loaded, false, memory_order_release);
        c->mirrors[i].limit = COHERENCE_PAGE_KEYS;
        begin_anew(&c->mirrors[i]);
    }
    c->mirror_at_ns = 0;
    c->mirror_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    c->mirror_started_ns = 0;
    count_loaded(c);
}

void mirror_give_up(struct coherence *c, struct mirror *m, const char *why) {
    atomic_store_explicit(&m->loaded, false, memory_order_release);
    m->state = MIRROR_GIVEN_UP;
    keyspace_drop_span(c->keys, &m->span);
    count_loaded(c);
    log_warn("a mirror is given up; its keys are kept like others", log_key(m->span.key), log_string("why", why));
}

/* --- what goes into it --- */

static const char no_room[] = "there is no room for it";

void mirror_fill(struct coherence *c, struct mirror *m, struct slice key, const struct kv *kv, int64_t revision) {
    m->ahead = later_of(m->ahead, kv != NULL ? kv->mod_revision : revision);
    if (kv != NULL ? !keyspace_put(c->keys, kv, KEYSPACE_MIRROR)
                   : !keyspace_absent(c->keys, key, revision, KEYSPACE_MIRROR)) {
        mirror_give_up(c, m, no_room);
    }
}

void mirror_event(struct coherence *c, struct mirror *m, const struct kv_event *event) {
    const struct kv *kv = &event->kv;

    if (event->kind == KV_EVENT_PUT) {
        if (m->state == MIRROR_GIVEN_UP) {
            keyspace_put(c->keys, kv, KEYSPACE_UPDATE);
        } else if (!keyspace_put(c->keys, kv, KEYSPACE_MIRROR)) {
            mirror_give_up(c, m, no_room);
        }
    } else if (m->state == MIRROR_GIVEN_UP) {
        keyspace_absent(c->keys, kv->key, kv->mod_revision, KEYSPACE_UPDATE);
    } else if (m->state == MIRROR_LOADED) {
        keyspace_drop(c->keys, kv->key); /* what is not known of is absent */
    } else {
        mirror_fill(c, m, kv->key, NULL, kv->mod_revision);
    }
}

/* --- pages --- */

static bool go_on_behind(struct mirror *m, struct slice key) {
    char *from = malloc(key.size + 1);

    if (from == NULL) {
        return false;
    }
    memcpy(from, key.data, key.size);
    from[key.size] = '\0';
    free(m->from);
    m->from = from;
    m->from_size = key.size + 1;
    return true;
}

int64_t coherence_next_limit(int64_t limit, const struct store_result *page) {
    int64_t most = 2 * limit < COHERENCE_PAGE_KEYS_MAX ? 2 * limit : COHERENCE_PAGE_KEYS_MAX;
    size_t bytes = 0;
    int64_t worth;

    for (size_t i = 0; i < page->kv_count; i++) {
        bytes += page->kvs[i].key.size + page->kvs[i].value.size;
    }
    if (bytes == 0) {
        return most;
    }
    worth = (int64_t)(COHERENCE_PAGE_BYTES * page->kv_count / bytes);
    return worth > most ? most : worth > 0 ? worth : 1;
}

static void retry_later(struct coherence *c) {
    c->mirror_at_ns = time_after(now_of(c), coherence_backoff(c, &c->mirror_backoff_ns));
}

static void take_page(struct coherence *c, struct mirror *m, const struct store_result *page) {
    for (size_t i = 0; i < page->kv_count; i++) {
        mirror_fill(c, m, page->kvs[i].key, &page->kvs[i], 0);
        if (m->state == MIRROR_GIVEN_UP) {
            return;
        }
    }
    m->limit = coherence_next_limit(m->limit, page);
    if (!page->more) {
        m->state = MIRROR_FETCHED;
    } else if (page->kv_count == 0 || !go_on_behind(m, page->kvs[page->kv_count - 1].key)) {
        retry_later(c);
    }
}

static void page_failed(struct coherence *c, struct mirror *m, enum store_status status) {
    if (status == STORE_COMPACTED) {
        begin_anew(m);
    } else if (status == STORE_FUTURE_REVISION) {
        begin_anew(m); /* revisions may have gone back: the first page will tell */
        retry_later(c);
    } else if ((status == STORE_TOO_LARGE || status == STORE_NO_MEMORY) && m->limit > 1) {
        m->limit /= 2;
    } else if (status == STORE_TOO_LARGE) {
        mirror_give_up(c, m, "one of its values is too large");
    } else {
        retry_later(c);
    }
}

static void page_is_answered(struct coherence *c, struct question *q) {
    struct mirror *m = c->mirror_loading;

    if (q->generation != c->generation || m->state != MIRROR_LOADING) {
        return;
    }
    if (q->call.status != STORE_OK) {
        page_failed(c, m, q->call.status);
        return;
    }
    if (m->revision == 0) {
        if (!question_confirms(c, q)) {
            return;
        }
        m->revision = q->call.revision;
    }
    c->mirror_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    take_page(c, m, &q->call.result);
    question_init(c, q); /* the page may be large */
}

/* The key is the question's own: a reset gives up `from` while it may still be under way. */
static void ask_page(struct coherence *c, struct mirror *m, int64_t now_ns) {
    struct question *q = &c->mirror_page;
    struct slice from = m->from != NULL ? slice_make(m->from, m->from_size) : m->span.key;

    m->state = MIRROR_LOADING;
    c->mirror_loading = m;
    if (c->mirror_started_ns == 0) {
        c->mirror_started_ns = now_ns;
    }
    question_init(c, q);
    if (!arena_copy(&q->arena, from, &from)) {
        retry_later(c);
        return;
    }
    q->call.op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range =
            {
                .span = {.key = from, .range_end = m->span.range_end},
                .revision = m->revision,
                .limit = m->limit,
            },
    };
    question_ask(c, q, page_is_answered, time_after(now_ns, c->config.request_timeout_ns));
}

static void is_loaded(struct coherence *c, struct mirror *m, int64_t now_ns) {
    keyspace_settle(c->keys, &m->span);
    m->state = MIRROR_LOADED;
    free(m->from);
    m->from = NULL;
    atomic_store_explicit(&m->loaded, true, memory_order_release);
    atomic_store_explicit(&c->counts.mirror_load_ns, now_ns - c->mirror_started_ns, memory_order_relaxed);
    count_loaded(c);
}

void mirrors_step(struct coherence *c, int64_t now_ns) {
    struct mirror *next = NULL;

    if (!is_ready(c)) {
        return;
    }
    for (size_t i = 0; i < c->mirror_count; i++) {
        struct mirror *m = &c->mirrors[i];

        if (m->state == MIRROR_FETCHED && applied_now(c) >= later_of(m->revision, m->ahead)) {
            is_loaded(c, m, now_ns);
        }
        if (next == NULL && (m->state == MIRROR_WAITING || m->state == MIRROR_LOADING)) {
            next = m;
        }
    }
    if (next != NULL && !c->mirror_page.under_way && now_ns >= c->mirror_at_ns) {
        c->mirror_at_ns = 0;
        ask_page(c, next, now_ns);
    }
}

int64_t mirrors_need(const struct coherence *c) {
    int64_t need = 0;

    for (size_t i = 0; i < c->mirror_count; i++) {
        if (c->mirrors[i].state == MIRROR_FETCHED) {
            need = later_of(need, later_of(c->mirrors[i].revision, c->mirrors[i].ahead));
        }
    }
    return need;
}

int64_t mirrors_wake_ns(const struct coherence *c) {
    if (c->mirror_page.under_way) {
        return INT64_MAX;
    }
    for (size_t i = 0; i < c->mirror_count; i++) {
        if (c->mirrors[i].state == MIRROR_WAITING || c->mirrors[i].state == MIRROR_LOADING) {
            return c->mirror_at_ns;
        }
    }
    return INT64_MAX;
}
