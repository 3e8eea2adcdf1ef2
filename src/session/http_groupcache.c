/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/entry.h"
#include "proto/groupcache/path.h"
#include "proto/groupcache/response.h"
#include "session/http_origin.h"
#include "session/slots.h"
#include "session/tracing.h"

/* What the other members of a pool of groupcache ask this one. */

static void refuse(struct session *s, const struct http_ask *ask, unsigned status, struct slice text,
                   enum result result) {
    http_session_refuse(s, ask, &(struct http_refusal){.status = status, .text = text, .result = result});
}

/* --- the answer --- */

static enum larder_error write_value(struct session *s, struct outbox *out, const struct http_ask *ask,
                                     struct slice value, struct blob *blob) {
    char head[GROUPCACHE_RESPONSE_HEAD_MAX];
    size_t head_size = groupcache_response_head(value.size, head);
    enum larder_error error;
    struct http_answer a;

    http_answer_begin(&a, out, &ask->form, 200);
    http_answer_line(&a, http_session_date(s));
    http_answer_field(&a, SLICE("Content-Type"), SLICE(GROUPCACHE_CONTENT_TYPE));
    error = http_answer_sized(&a, head_size + value.size);
    if (error == LARDER_OK) {
        error = outbox_append(out, slice_make(head, head_size));
    }
    if (error != LARDER_OK || value.size == 0) {
        return error;
    }
    return blob != NULL && value.size >= SESSION_REFERENCE_FROM ? outbox_append_blob(out, blob, value)
                                                                : outbox_append(out, value);
}

static void answer_value(struct session *s, const struct http_ask *ask, const struct reply *reply) {
    struct outbox *out = session_outbox(s);
    struct origin_entry e;

    if (origin_entry_read(reply->item.value, &e) != LARDER_OK) {
        assert(false); /* group/origin.h has read it */
        session_fail(s);
        return;
    }
    if (out != NULL) {
        session_check(s, write_value(s, out, ask, e.body, reply->item.blob));
    }
    http_session_note(s, ask, 200, reply->result);
}

/* The members know no other failure than one. */
static void answer_failure(struct session *s, const struct http_ask *ask, enum result result) {
    unsigned status;
    struct slice text = http_failure_text(result, &status);

    if (result == RESULT_ORIGIN_ABSENT) {
        text = SLICE("the origin has no such key");
    } else if (result == RESULT_ORIGIN_REDIRECT) {
        text = SLICE("the origin redirects this key, and there is no value of it");
    }
    refuse(s, ask, 500, status != 0 || text.size > 0 ? text : SLICE("there is no value of this key"), result);
}

static void answer(struct session *s, const struct http_ask *ask, struct reply *reply) {
    session_trace_reply(s, reply);
    if (reply->result == RESULT_HIT && http_origin_has_answer(reply)) {
        answer_value(s, ask, reply);
    } else {
        answer_failure(s, ask, reply->result);
    }
    reply_release(reply);
}

static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct http_ask ask;

    memcpy(&ask, slot->data, sizeof(ask));
    session_learn(s, reply);
    answer(s, &ask, reply);
}

/* --- the request --- */

static void run(struct session *s, const struct http_ask *ask, struct slice key) {
    const struct request request = {
        .command = COMMAND_GET, .options = REQUEST_FROM_POOL, .key = key, .scope = s->scope};
    const struct slot_request slot = {
        .answer = answer_slot,
        .data = slice_make((const char *)ask, sizeof(*ask)),
        .cost = sizeof(*ask) + s->read_cost,
    };
    struct reply reply;

    telemetry_pool_count(s->worker->context.telemetry, ask->group, POOL_SERVER_REQUESTS);
    cmd_run(&s->worker->context, &request, &reply);
    if (reply.result == RESULT_PENDING || session_is_waiting(s)) {
        session_slot_add(s, &reply, &slot);
        if (!ask->form.keep_alive) {
            s->over = true;
        }
    } else {
        answer(s, ask, &reply);
    }
}

/* The key as clients name it: the group's name, '/', and the member's key. */
static bool join(const struct group_policy *policy, struct slice key, char place[REQUEST_KEY_MAX],
                 struct slice *ret_key) {
    size_t head = (size_t)policy->name_size + 1;

    if (head + key.size > REQUEST_KEY_MAX) {
        return false;
    }
    memcpy(place, policy->name, policy->name_size);
    place[policy->name_size] = '/';
    if (key.size > 0) {
        memcpy(place + head, key.data, key.size);
    }
    *ret_key = slice_make(place, head + key.size);
    return true;
}

static void get(struct session *s, const struct http_request *r) {
    const struct group_policy *policy;
    struct http_ask ask = r->ask;
    char decoded[HTTP_HEAD_MAX];
    char joined[REQUEST_KEY_MAX];
    struct slice group, key;

    ask.command = COMMAND_GET;
    if (r->target.path.size > sizeof(decoded) || !groupcache_path_read(r->target.path, decoded, &group, &key)) {
        refuse(s, &ask, 400, SLICE("the path of a key is /_groupcache/GROUP/KEY, both escaped"), RESULT_INVALID);
        return;
    }
    policy = group_set_find_by_name(s->worker->context.groups, group);
    if (policy == NULL || policy->origin.pool == NULL) {
        refuse(s, &ask, 404, SLICE("there is no group of this name with ring = groupcache"), RESULT_NO_GROUP);
        return;
    }
    ask.group = policy->index;
    if (join(policy, key, joined, &key)) {
        run(s, &ask, key);
    } else {
        refuse(s, &ask, 500, SLICE("a key has at most 250 bytes, the group's name and its '/' included"),
               RESULT_BAD_KEY);
    }
}

void http_session_groupcache(struct session *s, const struct http_request *r) {
    struct http_ask ask = r->ask;

    if (r->head.verb != HTTP_VERB_GET) {
        http_session_refuse(s, &ask,
                            &(struct http_refusal){
                                .status = 405,
                                .text = SLICE("members of a pool ask by GET"),
                                .lines = SLICE("Allow: GET\r\n"),
                                .result = RESULT_INVALID,
                            });
        return;
    }
    get(s, r);
}
