/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http_wish.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/http/condition.h"
#include "store/store.h"

static bool __attribute__((format(printf, 3, 4)))
complain(struct http_problem *problem, unsigned status, const char *format, ...) {
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    assert(size > 0 && (size_t)size < sizeof(problem->text));
    problem->status = status;
    problem->about_key = false;
    problem->size = (size_t)size;
    return false;
}

/* Paths that are not keys, though there is no route of that name. */
static bool is_reserved(struct slice key) {
    const char *slash = memchr(key.data, '/', key.size);

    return group_name_is_route(slice_make(key.data, slash != NULL ? (size_t)(slash - key.data) : key.size));
}

/* A key of an origin group is what is said, byte by byte: the origin alone knows what it means. The group's name is written
 * plainly before it. False: it belongs to another group. */
static bool is_origin_key(struct session *s, const struct http_request *r, struct slice *ret_key) {
    struct slice path = r->target.path;
    struct slice raw = slice_skip(path, path.size > 0 && path.data[0] == '/' ? 1 : 0);
    const char *end = r->head.target.data + r->head.target.size;

    if (!group_policy_is_origin(group_set_find(s->worker->context.groups, raw))) {
        return false;
    }
    *ret_key = slice_make(raw.data, (size_t)(end - raw.data));
    return true;
}

static bool read_origin_key(struct session *s, struct http_wish *w, struct http_problem *problem) {
    struct http_value_ask *v = &w->value;

    w->policy = group_set_find(s->worker->context.groups, v->key);
    v->ask.group = w->policy->index;
    v->durable = false;
    v->origin = true;
    v->tag_suffix = SLICE("");
    if (v->key.size > REQUEST_KEY_MAX) {
        complain(problem, 414, "a key of an origin group has at most %d bytes, its query included",
                 (int)REQUEST_KEY_MAX);
        problem->about_key = true;
        return false;
    }
    return true;
}

static bool read_key(struct session *s, const struct http_request *r, struct http_wish *w,
                     struct http_problem *problem) {
    struct http_value_ask *v = &w->value;

    v->origin = false;
    if (is_origin_key(s, r, &v->key)) {
        return read_origin_key(s, w, problem);
    }
    if (!http_target_decode(r->target.path, w->key_place, &v->key)) {
        return complain(problem, 400, "a '%%' in the path is not followed by two hexadecimal digits");
    }
    if (v->key.size == 0 || is_reserved(v->key)) {
        return complain(problem, 404, "there is no such route; keys have paths like /group/key");
    }
    w->policy = group_set_find(s->worker->context.groups, v->key);
    v->ask.group = w->policy->index;
    if (group_policy_is_origin(w->policy)) {
        return complain(problem, 400, "the name of an origin group, and the '/' behind it, are written plainly");
    }
    v->durable = group_policy_is_store(w->policy);
    v->tag_suffix = v->durable ? SLICE("") : s->worker->tag_suffix;
    if (!v->durable && v->key.size > REQUEST_KEY_MAX) {
        complain(problem, 400, "a key of a memory group has at most %d bytes", (int)REQUEST_KEY_MAX);
        problem->about_key = true;
        return false;
    }
    return true;
}

static bool read_parameters(const struct http_request *r, struct http_wish *w, struct http_problem *problem) {
    struct http_parameter_problem wrong;
    char name[SLICE_ESCAPED_MAX];

    if (r->target.query.size == 0 || w->value.origin) {
        w->parameters.given = 0;
        return true;
    }
    if (!http_parameters_read(r->target.query, w->query_place, &w->parameters, &wrong)) {
        return complain(problem, 400, "the parameter '%s' %.*s", slice_escape(wrong.name, name), (int)wrong.text.size,
                        wrong.text.data);
    }
    return true;
}

/* The parameters win over the field, and among them the one that asks for more. */
static bool read_freshness(const struct http_request *r, struct http_wish *w, struct http_problem *problem) {
    const struct http_parameters *p = &w->parameters;
    struct slice field = r->head.fields[HTTP_FIELD_LARDER_FRESHNESS];

    w->has_freshness = true;
    if (http_parameters_have(p, HTTP_PARAMETER_USE_CACHE) && !p->use_cache) {
        w->freshness = (struct freshness){.kind = FRESHNESS_LINEARIZABLE};
    } else if (http_parameters_have(p, HTTP_PARAMETER_MAX_STALE)) {
        w->freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE, .max_stale_ns = p->max_stale_ns};
    } else if (http_parameters_have(p, HTTP_PARAMETER_USE_CACHE)) {
        w->freshness = (struct freshness){.kind = FRESHNESS_CACHED};
    } else if (field.data == NULL) {
        w->has_freshness = false;
    } else if (!freshness_parse(field, &w->freshness)) {
        return complain(problem, 400, "Larder-Freshness is not cached, linearizable or max_stale=TIME");
    }
    return true;
}

/* The tags are the origin's. */
static bool read_origin_wish(const struct http_request *r, struct http_wish *w, struct http_problem *problem) {
    w->value.conditions = (struct conditions){0};
    w->value.if_none_match = r->head.fields[HTTP_FIELD_IF_NONE_MATCH];
    w->value.if_modified_since = r->head.fields[HTTP_FIELD_IF_MODIFIED_SINCE];
    w->caching = http_caching_request_read(&r->head);
    if (r->head.fields[HTTP_FIELD_IF_MATCH].data != NULL) {
        return complain(problem, 400, "If-Match has no meaning in an origin group");
    }
    return true;
}

bool http_wish_read(struct session *s, const struct http_request *r, struct http_wish *ret_wish,
                    struct http_problem *ret_problem) {
    ret_wish->value.ask = r->ask;
    ret_wish->value.min_revision = 0;
    if (!read_key(s, r, ret_wish, ret_problem) || !read_parameters(r, ret_wish, ret_problem) ||
        !read_freshness(r, ret_wish, ret_problem)) {
        return false;
    }
    ret_wish->value.if_none_match = slice_make(NULL, 0);
    ret_wish->value.if_modified_since = slice_make(NULL, 0);
    if (ret_wish->value.origin) {
        return read_origin_wish(r, ret_wish, ret_problem);
    }
    if (!http_conditions_read(&r->head, ret_wish->value.tag_suffix, &ret_wish->value.conditions)) {
        return complain(ret_problem, 400,
                        "If-Match and If-None-Match are '*' or a list of quoted tags, at most %d of this node",
                        (int)CONDITION_NUMBERS_MAX);
    }
    return true;
}

bool http_wish_allows(const struct http_wish *w, uint32_t parameters, struct http_problem *ret_problem) {
    enum http_parameter outside = http_parameters_outside(&w->parameters, parameters);
    struct slice name;

    if (outside == HTTP_PARAMETER_COUNT) {
        return true;
    }
    name = http_parameter_name(outside);
    return complain(ret_problem, 400, "the parameter '%.*s' has no meaning for this request%s", (int)name.size,
                    name.data, w->value.durable ? "" : " in a memory group");
}

bool http_wish_reach(struct session *s, struct http_wish *w) {
    const struct http_parameters *p = &w->parameters;
    bool past = http_parameters_have(p, HTTP_PARAMETER_REV);

    if (!http_parameters_have(p, HTTP_PARAMETER_MIN_REV)) {
        return true;
    }
    if (store_revision(s->worker->context.node->store) < p->min_revision) {
        if (past) {
            return false;
        }
        w->has_freshness = true;
        w->freshness = (struct freshness){.kind = FRESHNESS_LINEARIZABLE};
    }
    w->value.min_revision = past ? 0 : p->min_revision;
    return true;
}

void http_session_refuse_problem(struct session *s, const struct http_wish *w, const struct http_problem *problem) {
    const struct http_refusal refusal = {
        .status = problem->status,
        .text = slice_make(problem->text, problem->size),
        .key = problem->about_key ? &w->value.key : NULL,
        .result = RESULT_INVALID,
    };

    http_session_refuse(s, &w->value.ask, &refusal);
}
