/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http_list.h"

#include <inttypes.h>

#include "group/envelope.h"
#include "proto/http/entry.h"
#include "session/http_value.h"

enum {
    LIST_MAX = 64 << 20, /* bytes of a listing's text: LISTING_BYTES_MAX, escaped */
    LIST_PARAMETERS = HTTP_PARAMETER_BIT(PREFIX) | HTTP_PARAMETER_BIT(AFTER) | HTTP_PARAMETER_BIT(LIMIT) |
                      HTTP_PARAMETER_BIT(VALUES) | HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(MAX_STALE) |
                      HTTP_PARAMETER_BIT(MIN_REV) | HTTP_PARAMETER_BIT(REV),
};

/* What the answer to a listing needs. Plain data, so that a slot can keep it. */
struct list_ask {
    struct http_value_ask value; /* the group's name as the key */
    bool values;
};

enum larder_error http_show_key(const struct group_policy *policy, struct slice store_key, struct buf *scratch,
                                struct slice *ret_key) {
    enum larder_error error;

    scratch->size = 0;
    error = buf_reserve(scratch, (size_t)policy->name_size + 1 + store_key.size);
    if (error == LARDER_OK) {
        *ret_key = group_client_key(policy, store_key, scratch->data);
    }
    return error;
}

static enum larder_error write_item(const struct group_policy *policy, const struct kv *kv, bool values,
                                    struct buf *scratch, struct buf *out) {
    struct slice key;
    struct slice value;
    uint32_t client_flags;
    enum larder_error error = http_show_key(policy, kv->key, scratch, &key);

    if (error != LARDER_OK) {
        return error;
    }
    value = envelope_open(kv->value, &client_flags);
    return http_entry_append(out, key, kv, values ? &value : NULL);
}

static enum larder_error write_items(const struct group_policy *policy, const struct listing_page *page, bool values,
                                     struct buf *out) {
    enum larder_error error = LARDER_OK;
    const char *comma = "";
    struct buf scratch;

    buf_init(&scratch, GROUP_NAME_MAX + 1 + STORE_REQUEST_MAX);
    for (size_t i = 0; i < page->count && error == LARDER_OK; i++) {
        if (group_store_key_is_ours(page->kvs[i].key)) {
            continue;
        }
        error = buf_append_slice(out, slice_from_string(comma));
        if (error == LARDER_OK) {
            error = write_item(policy, &page->kvs[i], values, &scratch, out);
        }
        comma = ",\n";
    }
    buf_fini(&scratch);
    return error;
}

static enum larder_error write_list(const struct group_policy *policy, const struct reply *reply, bool values,
                                    struct buf *out) {
    struct listing_page page;
    enum larder_error error;

    listing_page_of(reply, &page);
    error = buf_printf(out, "{\"revision\":%" PRId64 ",\"count\":%" PRId64 ",\"more\":%s,\"items\":[\n",
                       reply->revision, page.total, page.more ? "true" : "false");
    if (error == LARDER_OK) {
        error = write_items(policy, &page, values, out);
    }
    return error == LARDER_OK ? buf_append_slice(out, SLICE("]}\n")) : error;
}

static void send_list(struct session *s, const struct list_ask *l, const struct reply *reply, struct slice text) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &l->value.ask.form, 200);
        http_answer_line(&a, http_session_date(s));
        http_answer_line(&a, SLICE("Content-Type: application/json\r\n"));
        http_value_freshness(&a, reply);
        http_answer_number(&a, SLICE("X-Larder-Revision"), (uint64_t)reply->revision);
        session_check(s, http_answer_body(&a, text));
    }
    http_session_note(s, &l->value.ask, 200, reply->result);
}

static void answer(struct session *s, const struct list_ask *l, struct reply *reply) {
    const struct group_policy *policy = &s->worker->context.groups->policies[l->value.ask.group];
    struct buf text;

    if (reply->result != RESULT_HIT) {
        http_value_answer(s, &l->value, reply);
        return;
    }
    if (!http_value_is_reached(s, &l->value, reply)) {
        reply_release(reply);
        return;
    }
    buf_init(&text, LIST_MAX);
    if (write_list(policy, reply, l->values, &text) == LARDER_OK) {
        send_list(s, l, reply, buf_slice(&text));
    } else {
        http_value_refuse(s, &l->value, 507, SLICE("the listing found no room: ask for fewer keys"), RESULT_NO_MEMORY);
    }
    buf_fini(&text);
    reply_release(reply);
}

/* A slot keeps the ask, and the group's name behind it. */
static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct list_ask l;

    memcpy(&l, slot->data, sizeof(l));
    l.value.key.data = slot->data + sizeof(l);
    answer(s, &l, reply);
}

static void add_slot(struct session *s, const struct list_ask *l, struct reply *reply) {
    char data[sizeof(*l) + GROUP_NAME_MAX + 1];
    const struct slot_request slot = {
        .answer = answer_slot,
        .data = slice_make(data, sizeof(*l) + l->value.key.size),
        .cost = sizeof(*l) + l->value.key.size,
    };

    memcpy(data, l, sizeof(*l));
    memcpy(data + sizeof(*l), l->value.key.data, l->value.key.size);
    session_slot_add(s, reply, &slot);
    if (!l->value.ask.form.keep_alive) {
        s->over = true;
    }
}

bool http_wish_find_group(struct session *s, struct http_wish *w) {
    struct slice *key = &w->value.key;
    const char *slash = memchr(key->data, '/', key->size);
    size_t name_size = slash != NULL ? (size_t)(slash - key->data) : key->size;
    char name[GROUP_NAME_MAX + 1];

    if (name_size > GROUP_NAME_MAX || (slash != NULL && name_size + 1 != key->size)) {
        return false;
    }
    memcpy(name, key->data, name_size);
    name[name_size] = '/';
    w->policy = group_set_find(s->worker->context.groups, slice_make(name, name_size + 1));
    if (!slice_equal(group_policy_name(w->policy), slice_make(name, name_size))) {
        return false;
    }
    w->value.ask.group = w->policy->index;
    w->value.durable = group_policy_is_store(w->policy);
    key->size = name_size;
    return true;
}

void http_session_refuse_group(struct session *s, const struct http_wish *w) {
    http_value_refuse(s, &w->value, 404,
                      SLICE("there is no group of this name; the keys of a group are at /group/?prefix="),
                      RESULT_INVALID);
}

void http_session_list(struct session *s, struct http_wish *w) {
    const struct http_parameters *p = &w->parameters;
    struct listing_wish wish = {.prefix = p->prefix, .values = p->values};
    struct http_problem problem;
    struct list_ask l;
    struct reply reply;

    if (!http_wish_find_group(s, w)) {
        http_session_refuse_group(s, w);
        return;
    }
    if (!http_wish_allows(w, w->value.durable ? LIST_PARAMETERS : 0, &problem)) {
        http_session_refuse_problem(s, w, &problem);
        return;
    }
    if (!http_wish_reach(s, w)) {
        http_value_refuse(s, &w->value, 412, HTTP_VALUE_NOT_REACHED, RESULT_FUTURE_REVISION);
        return;
    }
    wish.after = http_parameters_have(p, HTTP_PARAMETER_AFTER) ? p->after : slice_make(NULL, 0);
    wish.limit = http_parameters_have(p, HTTP_PARAMETER_LIMIT) ? p->limit : 0;
    wish.has_freshness = w->has_freshness;
    wish.freshness = w->freshness;
    wish.revision = http_parameters_have(p, HTTP_PARAMETER_REV) ? p->revision : 0;
    l = (struct list_ask){.value = w->value, .values = p->values};
    l.value.conditions = (struct conditions){0};
    wish.scope = s->scope;
    cmd_list(&s->worker->context, w->policy, &wish, &reply);
    if (reply.result == RESULT_PENDING) {
        add_slot(s, &l, &reply);
    } else {
        answer(s, &l, &reply);
    }
}
