/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_load.h"
#include "group/origin_stream.h"
#include "origin/life.h"
#include "proto/http/chars.h"

void origin_rules_make(const struct origin_flight *f, struct origin_rules *rules) {
    rules->policy = group_origin_policy(origin_flight_policy(f), rules->place);
    rules->judge = (struct judge_load){
        .policy = &rules->policy,
        .old = f->old_held.blob != NULL ? &f->old : NULL,
        .conditional = f->conditional,
        .may_store = f->may_store,
    };
}

void origin_begin_value(struct origin_flight *f, const struct origin_entry *entry, size_t body) {
    size_t size;

    if (f->value != NULL) {
        blob_unref(&f->value->blob);
        f->value = NULL;
    }
    if (origin_entry_head_size(entry, &size) == LARDER_OK) {
        f->value = origin_value_new(f->worker->origin, size + body);
    }
    if (f->value == NULL) {
        f->overtaxed = true;
        return;
    }
    f->head_size = size;
    f->value->size = origin_entry_write_head(entry, f->value->data);
}

/* An answer that is not stored, with all its fields that may be passed on, as far as there is room for them. */
static void make_passed(const struct origin_flight *f, const struct fetch_head *head, struct origin_entry *e) {
    const struct origin_answer *answer = &f->answer;

    *e = (struct origin_entry){
        .kind = life_kind_of(answer->status),
        .status = answer->status,
        .etag = answer->caching.etag,
        .last_modified = answer->caching.last_modified,
        .content_type = answer->content_type,
    };
    life_read_times(answer, e);
    origin_fields_clear(&e->fields);
    for (size_t i = 0; i < head->field_count; i++) {
        enum origin_rule rule = origin_rule_of(head->fields[i].name);

        if (rule != ORIGIN_RULE_HOP && rule != ORIGIN_RULE_OWN) {
            (void)origin_fields_add(&e->fields, head->fields[i].name, head->fields[i].value);
        }
    }
    for (unsigned i = 0; i < answer->connection_count; i++) {
        struct slice list = answer->connection[i];
        struct slice option;

        while (http_list_next(&list, &option)) {
            origin_fields_remove(&e->fields, option);
        }
    }
}

/* Everything that is stored of a head points into this. */
static bool copy_head(struct origin_flight *f, const struct fetch_head *head, struct fetch_field *fields) {
    size_t size = 0;
    char *at;

    for (size_t i = 0; i < head->field_count; i++) {
        size += head->fields[i].name.size + head->fields[i].value.size;
    }
    at = f->head_text = malloc(size + 1);
    if (at == NULL) {
        return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const struct fetch_field *field = &head->fields[i];

        memcpy(at, field->name.data, field->name.size);
        fields[i].name = slice_make(at, field->name.size);
        at += field->name.size;
        memcpy(at, field->value.data, field->value.size);
        fields[i].value = slice_make(at, field->value.size);
        at += field->value.size;
    }
    return true;
}

/* By https nobody can tell a body that ends with the connection from one that was cut off (net/fetch.h). */
static bool is_trusted(const struct origin_flight *f, const struct fetch_head *head) {
    const struct group_origin *origin = &origin_flight_policy(f)->origin;

    return !head->until_end || !slice_has_prefix(slice_make(origin->url, origin->url_size), SLICE("https://"));
}

static void read_answer(struct origin_flight *f, struct origin_rules *rules, const struct fetch_head *head) {
    origin_answer_begin(&f->answer, head->status, f->asked_ms, origin_now_ms(f->worker->origin));
    for (size_t i = 0; i < head->field_count; i++) {
        origin_answer_take(&f->answer, &rules->policy, head->fields[i].name, head->fields[i].value);
    }
    if (head->has_length && head->status != 304 && head->length <= INT64_MAX) {
        f->answer.content_length = (int64_t)head->length;
    }
    judge_answer(&rules->judge, &f->answer, &f->outcome);
}

/* Room for so much of the body from the beginning. */
static size_t room_for(const struct fetch_head *head, bool passes) {
    return head->has_length && head->length <= ORIGIN_PASSED_MAX && !passes ? (size_t)head->length : ORIGIN_VALUE_FIRST;
}

static void take_head(struct origin_flight *f, const struct fetch_head *head) {
    bool streams = f->outcome.action != JUDGE_KEEP && origin_streams(f, head);
    size_t body = room_for(head, streams && !f->outcome.shared);
    struct origin_entry passed;

    if (f->outcome.action == JUDGE_STORE) {
        origin_begin_value(f, &f->outcome.entry, body);
    } else {
        make_passed(f, head, &passed);
        origin_begin_value(f, &passed, body);
    }
    if (streams && f->value != NULL) {
        origin_stream_begin(f, head);
    }
}

/* More than is gathered is to come, or came. The flight is gone behind this. */
static void give_up_body(struct origin_flight *f) {
    origin_flight_control(f)->cancel(f->fetch);
    origin_on_done(f, LARDER_ERROR_TOO_LARGE);
}

void origin_on_head(void *ctx, const struct fetch_head *head) {
    struct origin_flight *f = ctx;
    struct fetch_field fields[FETCH_ANSWER_FIELDS_MAX];
    struct fetch_head copied = *head;
    struct origin_rules rules;

    if (!copy_head(f, head, fields)) {
        f->overtaxed = true;
        return;
    }
    copied.fields = fields;
    f->has_head = true;
    f->may_store = f->may_store && is_trusted(f, head);
    origin_rules_make(f, &rules);
    read_answer(f, &rules, &copied);
    if (!f->outcome.failed && f->outcome.action != JUDGE_RENEW && f->outcome.action != JUDGE_RELOAD) {
        take_head(f, &copied); /* else nothing of its body is wanted */
    }
    if (f->answer.content_length > ORIGIN_PASSED_MAX && !f->passing) {
        give_up_body(f);
    }
}

static void outgrow(struct origin_flight *f) {
    struct origin_rules rules;

    f->outgrown = true;
    if (f->outcome.action == JUDGE_STORE) {
        origin_rules_make(f, &rules);
        judge_outgrown(&rules.judge, &f->answer, &f->outcome);
    }
    if (f->streams && !f->passing && !f->outcome.shared) {
        origin_stream_pass(f);
    }
}

static void append(struct origin_flight *f, struct slice piece) {
    if (f->passing) {
        origin_stream_make_room(f, piece.size);
    }
    if (!origin_value_grow(&f->value, piece.size)) {
        f->overtaxed = true;
        return;
    }
    memcpy(f->value->data + f->value->size, piece.data, piece.size);
    f->value->size += piece.size;
    if (!f->outgrown && f->body_size > origin_flight_policy(f)->origin.answers.max_body) {
        outgrow(f);
    }
}

enum fetch_flow origin_on_body(void *ctx, struct slice piece) {
    struct origin_flight *f = ctx;

    f->body_size += piece.size;
    if (!f->passing && f->body_size > ORIGIN_PASSED_MAX) {
        give_up_body(f);
        return FETCH_GO_ON;
    }
    if (f->value != NULL && !f->overtaxed) {
        append(f, piece);
    }
    if (f->passing && f->overtaxed) {
        origin_flight_control(f)->cancel(f->fetch);
        origin_give_up(f, RESULT_ORIGIN_BUSY);
        return FETCH_GO_ON;
    }
    return f->streams ? origin_stream_news(f) : FETCH_GO_ON;
}
