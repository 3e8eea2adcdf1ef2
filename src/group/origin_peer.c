/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_load.h"
#include "proto/groupcache/path.h"
#include "proto/groupcache/response.h"
#include "ring/groupcache_current.h"

/* Asking the member of a pool of groupcache that has a key. Its answer is a value and nothing else: no field, and no word about
 * how long it is good, so it is for those who wait and is not stored; the member keeps it. */

enum {
    STATUS_OK = 200,
    PATH_MAX_SIZE = sizeof(GROUPCACHE_BASE_PATH) + 3 * (GROUP_NAME_MAX + 1 + REQUEST_KEY_MAX), /* all escaped */
};

static void count(const struct origin_flight *f, enum pool_counter counter) {
    telemetry_pool_count(f->worker->telemetry, f->group, counter);
}

/* The key, as the members know it. */
static struct slice pool_key(const struct group_policy *policy, struct slice key) {
    return slice_skip(key, (size_t)policy->name_size + 1);
}

/* What this node may not leave to another one's memory. */
static bool is_demanding(const struct judge_wish *wish) {
    return wish->freshness.kind != FRESHNESS_CACHED ||
           http_caching_request_has(&wish->caching,
                                    HTTP_WISH_NO_CACHE | HTTP_WISH_NO_STORE | HTTP_WISH_MAX_AGE | HTTP_WISH_MIN_FRESH);
}

/* Whether another member has the key as the pool is now; its URL is appended to `url`, if that is not NULL. */
static bool is_of_other(const struct group_policy *policy, struct slice key, struct buf *url) {
    struct groupcache_pool *pool = groupcache_current_get(policy->origin.pool);
    const struct groupcache_peer *peer = pool != NULL ? groupcache_pool_pick(pool, key) : NULL;
    bool is = peer != NULL && (url == NULL || buf_append_slice(url, peer->url) == LARDER_OK);

    groupcache_pool_unref(pool);
    return is;
}

bool origin_is_pooled(const struct origin_access *a, const struct request *request, const struct judge_wish *wish) {
    const struct group_policy *policy = a->memory.policy;

    return policy->origin.pool != NULL && (request->options & REQUEST_FROM_POOL) == 0 && !is_demanding(wish) &&
           is_of_other(policy, pool_key(policy, request->key), NULL);
}

/* --- its answer --- */

/* Makes the flight's value of it. False: it is no answer; or f->overtaxed. */
static bool make_value(struct origin_flight *f) {
    struct groupcache_response response = {.value = SLICE("")};
    struct slice body = f->peer_body != NULL ? origin_value_bytes(f->peer_body) : SLICE("");
    int64_t now_ms = origin_now_ms(f->worker->origin);
    struct origin_entry entry = {.kind = ORIGIN_ANSWER, .status = STATUS_OK, .asked_ms = now_ms, .answered_ms = now_ms};

    if (!f->peer_good || !groupcache_response_read(body, &response)) {
        return false;
    }
    entry.body = response.value;
    origin_begin_value(f, &entry, response.value.size);
    if (f->value != NULL && response.value.size > 0) {
        memcpy(f->value->data + f->value->size, response.value.data, response.value.size);
        f->value->size += response.value.size;
    }
    return true;
}

static void forget_body(struct origin_flight *f) {
    if (f->peer_body != NULL) {
        blob_unref(&f->peer_body->blob);
        f->peer_body = NULL;
    }
}

static void give_up(struct origin_flight *f) {
    origin_give_up(f, RESULT_ORIGIN_BUSY);
}

static void end(struct origin_flight *f, enum larder_error error) {
    bool good = error == LARDER_OK && make_value(f);

    forget_body(f);
    f->fetch = NULL;
    if (f->worker->ended || f->overtaxed) {
        give_up(f);
    } else if (good) {
        count(f, POOL_PEER_LOADS);
        f->peer_gave = true;
        f->outcome.shared = true;
        origin_land(f, ORIGIN_LANDED_VALUE, RESULT_DONE);
    } else {
        count(f, POOL_PEER_ERRORS);
        origin_load(f);
    }
}

static void on_head(void *ctx, const struct fetch_head *head) {
    struct origin_flight *f = ctx;

    f->peer_good = head->status == STATUS_OK;
}

static enum fetch_flow on_body(void *ctx, struct slice piece) {
    struct origin_flight *f = ctx;

    if (!f->peer_good || f->overtaxed) {
        return FETCH_GO_ON; /* nothing of it is wanted */
    }
    if (f->peer_body == NULL) {
        f->peer_body = origin_value_new(f->worker->origin, piece.size);
    }
    if (f->peer_body == NULL || !origin_value_grow(&f->peer_body, piece.size)) {
        f->overtaxed = true;
        return FETCH_GO_ON;
    }
    memcpy(f->peer_body->data + f->peer_body->size, piece.data, piece.size);
    f->peer_body->size += piece.size;
    return FETCH_GO_ON;
}

static void on_done(void *ctx, enum larder_error error) {
    struct origin_flight *f = ctx;
    struct origin_worker *w = f->worker;

    w->calling = true; /* in its place another may be begun */
    origin_trace_end(f, error, f->peer_good ? STATUS_OK : 0);
    end(f, error);
    w->calling = false;
}

/* --- the request --- */

static const struct fetch_ops ops = {.on_head = on_head, .on_body = on_body, .on_done = on_done};

/* Appends the URL by which the key's member is asked. False: there is none any more, or no memory. */
static bool write_url(const struct group_policy *policy, struct slice key, struct buf *url) {
    return is_of_other(policy, key, url) && groupcache_path_write(group_policy_name(policy), key, url) == LARDER_OK;
}

static enum larder_error start(struct origin_flight *f, const struct group_policy *policy, struct slice url) {
    struct fetch_field fields[ORIGIN_TRACE_FIELDS];
    char parent[ORIGIN_TRACE_ROOM];
    struct fetch_request request = {
        .method = FETCH_GET,
        .url = url,
        .fields = fields,
        .deadline_ns = clock_monotonic_ns() + policy->origin.timeout_ns,
        .body_max = ORIGIN_PASSED_MAX,
    };

    origin_trace_begin(f, url, fields, &request.field_count, parent);
    return f->worker->fetch(f->worker, policy, &request, &ops, f, &f->fetch);
}

bool origin_ask_peer(struct origin_flight *f) {
    const struct group_policy *policy = origin_flight_policy(f);
    bool begun = false;
    struct buf url;

    if (!f->place.pooled || f->peer_asked || f->worker->ended || policy->origin.pool == NULL) {
        return false;
    }
    f->peer_asked = true;
    buf_init(&url, GROUPCACHE_PEER_URL_MAX + PATH_MAX_SIZE);
    if (write_url(policy, pool_key(policy, origin_flight_key(f)), &url)) {
        begun = start(f, policy, buf_slice(&url)) == LARDER_OK;
        if (!begun) {
            origin_trace_end(f, LARDER_ERROR_REFUSED, 0);
            count(f, POOL_PEER_ERRORS);
        }
    }
    buf_fini(&url);
    return begun;
}

/* --- what is counted --- */

void origin_count_local(const struct origin_flight *f, enum origin_landing landing) {
    bool good = landing != ORIGIN_LANDED_NONE && f->has_head && (f->answer.status < 300 || f->answer.status == 304);

    if (origin_flight_policy(f)->origin.pool != NULL && !f->peer_gave) {
        count(f, good ? POOL_LOCAL_LOADS : POOL_LOCAL_LOAD_ERRORS);
    }
}

void origin_count_pool(const struct origin_access *a, enum pool_counter counter) {
    if (a->memory.policy->origin.pool != NULL) {
        telemetry_pool_count(a->worker->telemetry, a->memory.policy->index, counter);
    }
}
