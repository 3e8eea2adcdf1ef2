/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "library/channel.h"
#include "proto/memcached/response.h"

/* What an answer leaves of its question and of the connection. */
enum after { AFTER_MORE, AFTER_NEXT, AFTER_DROP };

static void tell(const struct wire *w, struct call *call, size_t at, struct larder_answer *answer) {
    answer->server = w->server->name;
    if (answer->message == NULL) {
        answer->message = "";
    }
    call->asked[at].told = true;
    call->fn(call->ctx, call->asked[at].index, answer);
}

static const char *const error_words[] = {"ERROR", "CLIENT_ERROR", "SERVER_ERROR"};

/* The server's words to all that is not answered. Where it may have taken a value for commands, or stopped in the middle,
 * nobody knows what comes next. */
static enum after refused(struct wire *w, struct call *call, const struct mc_response *r) {
    char message[LARDER_MESSAGE_MAX];
    size_t count = mc_text_reads(call->verb) ? call->count : 1;
    size_t size = r->text.size < sizeof(message) - 32 ? r->text.size : sizeof(message) - 32;
    bool told = false;

    snprintf(message, sizeof(message), "%s%s%.*s", error_words[r->kind - MC_RESPONSE_ERROR], size > 0 ? " " : "",
             (int)size, size > 0 ? r->text.data : "");
    for (size_t i = 0; i < count; i++) {
        if (!call->asked[i].told) {
            tell(w, call, i, &(struct larder_answer){.status = LARDER_ERR_SERVER, .message = message});
        } else {
            told = true;
        }
    }
    if (count > 1 || told || call->start + call->size > w->sent) {
        return AFTER_DROP;
    }
    return r->kind != MC_RESPONSE_SERVER_ERROR && mc_text_stores(call->verb) ? AFTER_DROP : AFTER_NEXT;
}

/* Values come in the order of the keys; what a proxy puts together may come in another. */
static bool find_key(struct call *call, struct slice key, size_t *ret_at) {
    for (size_t i = 0; i < call->count; i++) {
        size_t at = call->cursor + i < call->count ? call->cursor + i : call->cursor + i - call->count;

        if (!call->asked[at].told && slice_equal(call->asked[at].key, key)) {
            *ret_at = at;
            call->cursor = at + 1 < call->count ? at + 1 : 0;
            return true;
        }
    }
    return false;
}

static enum after read_answer(struct wire *w, struct call *call, const struct mc_response *r) {
    size_t at;

    if (r->kind == MC_RESPONSE_END) {
        for (size_t i = 0; i < call->count; i++) {
            if (!call->asked[i].told) {
                tell(w, call, i, &(struct larder_answer){.status = LARDER_MISS});
            }
        }
        return AFTER_NEXT;
    }
    if (r->kind != MC_RESPONSE_VALUE || r->has_cas != (call->verb != MC_TEXT_GET) || !find_key(call, r->key, &at)) {
        return AFTER_DROP;
    }
    tell(w, call, at,
         &(struct larder_answer){.status = LARDER_HIT,
                                 .flags = r->client_flags,
                                 .cas = r->cas,
                                 .value = r->value.data,
                                 .value_size = r->value.size});
    return AFTER_MORE;
}

static enum after stats_answer(struct wire *w, struct call *call, const struct mc_response *r) {
    char name[MC_TEXT_KEY_MAX + 1];

    if (r->kind == MC_RESPONSE_END || r->kind == MC_RESPONSE_RESET) {
        tell(w, call, 0, &(struct larder_answer){.status = LARDER_DONE});
        return AFTER_NEXT;
    }
    if (r->kind != MC_RESPONSE_STAT) {
        return AFTER_DROP;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(r->key.size < MC_TEXT_KEY_MAX ? r->key.size : MC_TEXT_KEY_MAX),
             r->key.data);
    tell(w, call, 0,
         &(struct larder_answer){
             .status = LARDER_DONE, .name = name, .value = r->text.data, .value_size = r->text.size});
    call->asked[0].told = false;
    return AFTER_MORE;
}

/* Which answers a verb may get, and what they mean. */
static bool meaning(enum mc_text_verb verb, enum mc_response_kind kind, enum larder_status *ret_status) {
    static const struct {
        enum mc_response_kind kind;
        enum larder_status status;
        enum mc_text_verb first, last;
    } rows[] = {
        {MC_RESPONSE_STORED, LARDER_STORED, MC_TEXT_SET, MC_TEXT_CAS},
        {MC_RESPONSE_NOT_STORED, LARDER_NOT_STORED, MC_TEXT_SET, MC_TEXT_CAS},
        {MC_RESPONSE_EXISTS, LARDER_EXISTS, MC_TEXT_SET, MC_TEXT_CAS},
        {MC_RESPONSE_NOT_FOUND, LARDER_NOT_FOUND, MC_TEXT_CAS, MC_TEXT_TOUCH},
        {MC_RESPONSE_DELETED, LARDER_DELETED, MC_TEXT_DELETE, MC_TEXT_DELETE},
        {MC_RESPONSE_NUMBER, LARDER_COUNTED, MC_TEXT_INCR, MC_TEXT_DECR},
        {MC_RESPONSE_TOUCHED, LARDER_TOUCHED, MC_TEXT_TOUCH, MC_TEXT_TOUCH},
        {MC_RESPONSE_OK, LARDER_DONE, MC_TEXT_FLUSH, MC_TEXT_FLUSH},
        {MC_RESPONSE_VERSION, LARDER_DONE, MC_TEXT_VERSION, MC_TEXT_VERSION},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].kind == kind && verb >= rows[i].first && verb <= rows[i].last) {
            *ret_status = rows[i].status;
            return true;
        }
    }
    return false;
}

static enum after judge(struct wire *w, struct call *call, const struct mc_response *r) {
    enum larder_status status;

    if (mc_response_is_error(r)) {
        return refused(w, call, r);
    }
    if (mc_text_reads(call->verb)) {
        return read_answer(w, call, r);
    }
    if (call->verb == MC_TEXT_STATS) {
        return stats_answer(w, call, r);
    }
    if (!meaning(call->verb, r->kind, &status)) {
        return AFTER_DROP;
    }
    tell(w, call, 0,
         &(struct larder_answer){
             .status = status, .number = r->number, .value = r->text.data, .value_size = r->text.size});
    return AFTER_NEXT;
}

/* The first question is answered. */
static void finish(struct channel *ch, struct wire *w) {
    struct call *call = w->head;

    w->head = call->next;
    w->since_ns = ch->now_ns;
    channel_give_back(ch, call);
    if (health_succeeded(&w->server->health)) {
        setup_log(ch->setup, LARDER_LOG_INFO, "server %s is back", w->server->name);
    }
}

/* Drops the connection for what was said on it; a question that was told all is not among those that fail with it. */
static void drop_for(struct channel *ch, struct wire *w, bool refused_only) {
    if (refused_only) {
        finish(ch, w);
    }
    wire_drop(ch, w, refused_only ? LARDER_ERR_CLOSED : LARDER_ERR_PROTOCOL, !refused_only);
}

void wire_answers(struct channel *ch, struct wire *w) {
    while (w->head != NULL) {
        struct slice input = slice_make(w->in.data + w->in.start, bytes_size(&w->in));
        struct mc_response r;
        size_t size;
        enum after after;

        if (input.size == 0) {
            break;
        }
        /* An answer before its question is none. That a value is too large can be said before all of it is sent. */
        if (w->head->start >= w->sent || mc_response_decode(input, ch->setup->value_max, &r, &size) != LARDER_OK) {
            wire_drop(ch, w, LARDER_ERR_PROTOCOL, true);
            return;
        }
        if (size > input.size) {
            if (bytes_reserve(&w->in, &ch->setup->allocator, size - input.size) != LARDER_DONE) {
                wire_drop(ch, w, LARDER_ERR_NO_MEMORY, false);
            }
            return;
        }
        after = judge(w, w->head, &r);
        if (after == AFTER_DROP) {
            drop_for(ch, w, mc_response_is_error(&r));
            return;
        }
        w->in.start += size;
        if (after == AFTER_NEXT) {
            finish(ch, w);
        }
    }
    if (bytes_size(&w->in) > 0 && w->head == NULL) {
        wire_drop(ch, w, LARDER_ERR_PROTOCOL, true); /* nobody has asked */
    } else if (bytes_size(&w->in) == 0) {
        bytes_clear(&w->in, &ch->setup->allocator);
    }
}
