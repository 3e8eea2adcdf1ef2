/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"
#include "cmd/guard.h"
#include "proto/groupcache/path.h"
#include "ring/heat.h"
#include "rpc/version.h"
#include "session/http.h"
#include "store/etcd/etcd.h"

#define TEXT_PLAIN SLICE("text/plain; charset=utf-8")
#define APPLICATION_JSON SLICE("application/json")
#define PROMETHEUS_TEXT SLICE("text/plain; version=0.0.4; charset=utf-8")

enum {
    PAGE_MAX = 48 << 20, /* the metrics of 256 groups that have seen every command and result */
    HOT_KEYS_SHOWN = 20,
};

/* What a route answers. */
struct page {
    struct slice query; /* that it was asked with */
    unsigned status;
    struct slice content_type;
    struct slice body;
};

/* Answers a route that is read; `body` is lent for texts that are made up on the spot. */
typedef void route_fn(struct session *s, struct page *page, struct buf *body);

/* A page that was written to `body`, unless that failed. */
static void show_body(struct page *page, struct slice content_type, enum larder_error error, const struct buf *body) {
    if (error == LARDER_OK) {
        page->content_type = content_type;
        page->body = buf_slice(body);
    } else {
        page->status = 500;
        page->body = SLICE("the text found no room: out of memory, or over its limit\n");
    }
}

static void show_metrics(struct session *s, struct page *page, struct buf *body) {
    show_body(page, PROMETHEUS_TEXT, cmd_metrics(&s->worker->context, body), body);
}

static void show_groups(struct session *s, struct page *page, struct buf *body) {
    show_body(page, APPLICATION_JSON, cmd_groups(&s->worker->context, body), body);
}

static void show_members(struct session *s, struct page *page, struct buf *body) {
    show_body(page, APPLICATION_JSON, cmd_members(&s->worker->context, body), body);
}

/* The parameter `key`, which is the only one. */
static bool read_key(struct slice query_text, char *place, struct slice *ret_key) {
    struct http_query query = {.rest = query_text, .place = place};
    struct slice name;

    return http_query_next(&query, &name, ret_key) == HTTP_QUERY_PARAMETER && slice_equal(name, SLICE("key")) &&
           ret_key->size > 0 && ret_key->size <= REQUEST_KEY_MAX && query.rest.size == 0;
}

static void show_ring(struct session *s, struct page *page, struct buf *body) {
    char place[HTTP_HEAD_MAX];
    struct slice key;

    if (page->query.size > 0 && page->query.size <= sizeof(place) && read_key(page->query, place, &key)) {
        show_body(page, APPLICATION_JSON, cmd_ring(&s->worker->context, key, body), body);
    } else {
        page->status = 400;
        page->body = SLICE("ask for one key of 1 to 250 bytes: /admin/ring?key=KEY\n");
    }
}

/* Nothing, or the parameter `max`, which is the only one. */
static bool read_max(struct slice query_text, uint64_t *ret_max) {
    char place[HTTP_HEAD_MAX];
    struct http_query query = {.rest = query_text, .place = place};
    struct slice name, value;

    *ret_max = HOT_KEYS_SHOWN;
    if (query_text.size == 0) {
        return true;
    }
    return query_text.size <= sizeof(place) && http_query_next(&query, &name, &value) == HTTP_QUERY_PARAMETER &&
           slice_equal(name, SLICE("max")) && number_parse_u64(value, ret_max) && *ret_max > 0 &&
           *ret_max <= HEAT_LISTED_MAX && query.rest.size == 0;
}

static void show_hot(struct session *s, struct page *page, struct buf *body) {
    uint64_t max;

    if (read_max(page->query, &max)) {
        show_body(page, APPLICATION_JSON, cmd_hot(&s->worker->context, (size_t)max, body), body);
    } else {
        page->status = 400;
        page->body = SLICE("ask for at most 1 to 1000 keys, or for nothing in particular: /admin/hot?max=N\n");
    }
}

static void show_health(struct session *s, struct page *page, struct buf *body) {
    (void)s;
    (void)body;
    page->body = SLICE("ok\n");
}

static void show_readiness(struct session *s, struct page *page, struct buf *body) {
    page->status = cmd_is_ready(&s->worker->context, body) ? 200 : 503;
    page->body = buf_slice(body);
}

/* etcd's: whether its API can be served as it should. A node without a store serves none of it. */
static void show_etcd_health(struct session *s, struct page *page, struct buf *body) {
    const struct rpc_node *node = s->worker->rpc.node;
    char trouble[ETCD_MEMBER_TEXT_MAX];
    bool good = !atomic_load(&s->worker->context.node->draining) && node->store != NULL &&
                atomic_load(&node->alarms) == 0 && etcd_store_is_ready(node->cluster, trouble);

    (void)body;
    page->content_type = APPLICATION_JSON;
    page->status = good ? 200 : 503;
    page->body = good ? SLICE("{\"health\":\"true\"}") : SLICE("{\"health\":\"false\"}");
}

static void show_version(struct session *s, struct page *page, struct buf *body) {
    (void)s;
    (void)body;
    page->content_type = APPLICATION_JSON;
    page->body = SLICE("{\"etcdserver\":\"" RPC_ETCD_VERSION "\",\"etcdcluster\":\"" RPC_ETCD_CLUSTER_VERSION
                       "\",\"larder\":\"" LARDER_VERSION "\"}\n");
}

static const struct route {
    struct slice path;
    enum command command;
    route_fn *answer; /* NULL: it is an order, for POST */
    bool guarded;     /* root's alone, while authentication is enabled */
} routes[] = {
    {{"/metrics", sizeof("/metrics") - 1}, COMMAND_METRICS, show_metrics, false},
    {{"/health", sizeof("/health") - 1}, COMMAND_HEALTH, show_etcd_health, false},
    {{"/healthz", sizeof("/healthz") - 1}, COMMAND_HEALTH, show_health, false},
    {{"/readyz", sizeof("/readyz") - 1}, COMMAND_HEALTH, show_readiness, false},
    {{"/version", sizeof("/version") - 1}, COMMAND_VERSION, show_version, false},
    {{"/admin/groups", sizeof("/admin/groups") - 1}, COMMAND_GROUPS, show_groups, true},
    {{"/admin/members", sizeof("/admin/members") - 1}, COMMAND_GROUPS, show_members, true},
    {{"/admin/ring", sizeof("/admin/ring") - 1}, COMMAND_GROUPS, show_ring, true},
    {{"/admin/hot", sizeof("/admin/hot") - 1}, COMMAND_GROUPS, show_hot, true},
    {{"/admin/audit", sizeof("/admin/audit") - 1}, COMMAND_AUDIT, NULL, true},
    {{"/admin/flush", sizeof("/admin/flush") - 1}, COMMAND_FLUSH, NULL, true},
};

static const struct route *find_route(struct slice path) {
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (slice_equal(routes[i].path, path)) {
            return &routes[i];
        }
    }
    return NULL;
}

bool http_session_is_probe(const struct http_request *r) {
    const struct route *route = find_route(r->target.path);

    return route != NULL && route->command == COMMAND_HEALTH;
}

static void show(struct session *s, struct http_request *r, const struct route *route) {
    struct page page = {.query = r->target.query, .status = 200, .content_type = TEXT_PLAIN};
    struct outbox *out = session_outbox(s);
    struct http_answer a;
    struct buf body;

    buf_init(&body, PAGE_MAX);
    route->answer(s, &page, &body);
    if (out != NULL) {
        http_answer_begin(&a, out, &r->ask.form, page.status);
        http_answer_line(&a, http_session_date(s));
        http_answer_field(&a, SLICE("Content-Type"), page.content_type);
        http_answer_line(&a, SLICE("Cache-Control: no-store\r\n"));
        session_check(s, http_answer_body(&a, page.body));
    }
    buf_fini(&body);
    http_session_note(s, &r->ask, page.status,
                      page.status < 400   ? RESULT_DONE
                      : page.status < 500 ? RESULT_INVALID
                                          : RESULT_UNSUPPORTED);
}

static void refuse_somebody(struct session *s, const struct http_request *r, enum result result) {
    const bool nobody = result == RESULT_UNAUTHENTICATED;

    http_session_refuse(s, &r->ask,
                        &(struct http_refusal){
                            .status = nobody ? 401 : 403,
                            .text = nobody ? SLICE(HTTP_GUARD_NOBODY) : SLICE(HTTP_GUARD_FORBIDDEN),
                            .lines = nobody ? HTTP_GUARD_LINES : SLICE(""),
                            .result = result,
                        });
}

static void run_order(struct session *s, struct http_request *r) {
    if (r->head.verb == HTTP_VERB_POST && r->ask.command == COMMAND_FLUSH) {
        http_session_flush(s, r);
    } else if (r->head.verb == HTTP_VERB_POST) {
        http_session_audit(s, r);
    } else {
        http_session_refuse(s, &r->ask,
                            &(struct http_refusal){
                                .status = 405,
                                .text = SLICE("this route is an order: use POST"),
                                .lines = SLICE("Allow: POST\r\n"),
                                .result = RESULT_INVALID,
                            });
    }
}

bool http_session_route(struct session *s, struct http_request *r) {
    const struct route *route = find_route(r->target.path);
    enum result guarded = route != NULL && route->guarded ? guard_root(&s->worker->context) : RESULT_DONE;

    if (slice_has_prefix(r->target.path, SLICE(GROUPCACHE_BASE_PATH))) {
        http_session_groupcache(s, r);
        return true;
    }
    if (route == NULL) {
        return false;
    }
    r->ask.command = route->command;
    if (guarded != RESULT_DONE) {
        refuse_somebody(s, r, guarded);
    } else if (route->answer == NULL) {
        run_order(s, r);
    } else if (r->head.verb == HTTP_VERB_GET || r->head.verb == HTTP_VERB_HEAD) {
        show(s, r, route);
    } else {
        http_session_refuse(s, &r->ask,
                            &(struct http_refusal){
                                .status = 405,
                                .text = SLICE("this route is only read: use GET or HEAD"),
                                .lines = SLICE("Allow: GET, HEAD\r\n"),
                                .result = RESULT_INVALID,
                            });
    }
    return true;
}
