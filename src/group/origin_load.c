/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_internal.h"
#include "origin/life.h"
#include "proto/http/chars.h"

enum { VALIDATORS_MAX = 2 };

static const struct group_policy *policy_of(const struct origin_flight *f) {
    return &(*f->worker->groups)->policies[f->group];
}

static void count(const struct origin_flight *f, enum counter counter) {
    telemetry_count(f->worker->telemetry, counter, 1);
}

/* What the rules are told of the request. The names of declared fields lie in `place`. */
struct load {
    struct origin_policy policy;
    struct judge_load judge;
    struct slice place[GROUP_ORIGIN_FIELDS_MAX];
};

static void make_load(const struct origin_flight *f, struct load *load) {
    load->policy = group_origin_policy(policy_of(f), load->place);
    load->judge = (struct judge_load){
        .policy = &load->policy,
        .old = f->old_held.blob != NULL ? &f->old : NULL,
        .conditional = f->conditional,
        .may_store = f->may_store,
    };
}

/* --- values --- */

/* The flight's value becomes this entry's head, with room for so much of a body behind it. */
static void begin_value(struct origin_flight *f, const struct origin_entry *entry, size_t body) {
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

static void begin_error(struct origin_flight *f, unsigned status) {
    int64_t now_ms = origin_now_ms(f->worker->origin);
    const struct origin_entry error = {
        .kind = ORIGIN_ERROR,
        .status = status,
        .asked_ms = f->asked_ms,
        .answered_ms = now_ms,
    };

    begin_value(f, &error, 0);
}

/* The old body with a new head. */
static void renew_value(struct origin_flight *f) {
    struct slice body = f->outcome.entry.body;

    begin_value(f, &f->outcome.entry, body.size);
    if (f->value != NULL && body.size > 0) {
        memcpy(f->value->data + f->value->size, body.data, body.size);
        f->value->size += body.size;
    }
}

/* --- what comes --- */

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
    const struct group_origin *origin = &policy_of(f)->origin;

    return !head->until_end || !slice_has_prefix(slice_make(origin->url, origin->url_size), SLICE("https://"));
}

static void read_answer(struct origin_flight *f, struct load *load, const struct fetch_head *head) {
    origin_answer_begin(&f->answer, head->status, f->asked_ms, origin_now_ms(f->worker->origin));
    for (size_t i = 0; i < head->field_count; i++) {
        origin_answer_take(&f->answer, &load->policy, head->fields[i].name, head->fields[i].value);
    }
    if (head->has_length && head->status != 304 && head->length <= INT64_MAX) {
        f->answer.content_length = (int64_t)head->length;
    }
    judge_answer(&load->judge, &f->answer, &f->outcome);
}

static void on_head(void *ctx, const struct fetch_head *head) {
    struct origin_flight *f = ctx;
    struct fetch_field fields[FETCH_ANSWER_FIELDS_MAX];
    struct fetch_head copied = *head;
    struct origin_entry passed;
    struct load load;
    size_t body = head->has_length && head->length <= ORIGIN_PASSED_MAX ? (size_t)head->length : ORIGIN_VALUE_FIRST;

    if (!copy_head(f, head, fields)) {
        f->overtaxed = true;
        return;
    }
    copied.fields = fields;
    f->has_head = true;
    f->may_store = f->may_store && is_trusted(f, head);
    make_load(f, &load);
    read_answer(f, &load, &copied);
    if (f->outcome.failed || f->outcome.action == JUDGE_RENEW || f->outcome.action == JUDGE_RELOAD) {
        return; /* nothing of its body is wanted */
    }
    if (f->outcome.action == JUDGE_STORE) {
        begin_value(f, &f->outcome.entry, body);
    } else {
        make_passed(f, &copied, &passed);
        begin_value(f, &passed, body);
    }
}

static void outgrow(struct origin_flight *f) {
    struct load load;

    f->outgrown = true;
    if (f->outcome.action == JUDGE_STORE) {
        make_load(f, &load);
        judge_outgrown(&load.judge, &f->answer, &f->outcome);
    }
}

static enum fetch_flow on_body(void *ctx, struct slice piece) {
    struct origin_flight *f = ctx;

    if (f->value == NULL || f->overtaxed) {
        return FETCH_GO_ON;
    }
    if (!origin_value_grow(&f->value, piece.size)) {
        f->overtaxed = true;
        return FETCH_GO_ON;
    }
    memcpy(f->value->data + f->value->size, piece.data, piece.size);
    f->value->size += piece.size;
    f->body_size += piece.size;
    if (!f->outgrown && f->body_size > policy_of(f)->origin.answers.max_body) {
        outgrow(f);
    }
    return FETCH_GO_ON;
}

/* --- how it ends --- */

static enum judge_fault fault_of(const struct origin_flight *f, enum larder_error error) {
    if (error == LARDER_ERROR_TIMEOUT) {
        return JUDGE_TIMEOUT;
    }
    return f->has_head || error == LARDER_ERROR_PROTOCOL || error == LARDER_ERROR_TRUNCATED ||
                   error == LARDER_ERROR_LIMIT
               ? JUDGE_BROKEN
               : JUDGE_UNREACHABLE;
}

static void fail(struct origin_flight *f, enum judge_fault fault) {
    static const enum counter counters[] = {
        [JUDGE_UNREACHABLE] = COUNTER_ORIGIN_LOADS_UNREACHABLE,
        [JUDGE_TIMEOUT] = COUNTER_ORIGIN_LOADS_TIMEOUT,
        [JUDGE_BROKEN] = COUNTER_ORIGIN_LOADS_BROKEN,
    };
    struct load load;

    make_load(f, &load);
    judge_failure(&load.judge, fault, f->asked_ms, origin_now_ms(f->worker->origin), &f->outcome);
    count(f, counters[fault]);
    f->has_head = false;
    if (f->outcome.action == JUDGE_STORE) {
        begin_value(f, &f->outcome.entry, 0);
    } else {
        begin_error(f, f->outcome.status);
    }
}

static void count_answer(const struct origin_flight *f) {
    static const enum counter obstacles[JUDGE_OBSTACLE_COUNT] = {
#define OBSTACLE(name, label) [JUDGE_OBSTACLE_##name] = COUNTER_ORIGIN_OBSTACLE_##name,
#include "origin/obstacles.def"
#undef OBSTACLE
    };

    switch (life_kind_of(f->answer.status)) {
    case ORIGIN_ANSWER:
        count(f, f->answer.status == 304 ? COUNTER_ORIGIN_LOADS_RENEWED : COUNTER_ORIGIN_LOADS_ANSWER);
        break;
    case ORIGIN_ABSENT:
        count(f, COUNTER_ORIGIN_LOADS_ABSENT);
        break;
    default:
        count(f, COUNTER_ORIGIN_LOADS_ERROR);
        break;
    }
    if (f->outcome.obstacle != JUDGE_NO_OBSTACLE) {
        count(f, obstacles[f->outcome.obstacle]);
    }
}

/* The answer is whole. */
static void conclude(struct origin_flight *f) {
    if (f->outcome.failed) {
        fail(f, JUDGE_BROKEN);
        return;
    }
    count_answer(f);
    if (f->outcome.action == JUDGE_RENEW) {
        renew_value(f);
    } else if (f->value != NULL) {
        origin_entry_set_body_size(f->value->data, f->body_size);
    }
}

static void forget_answer(struct origin_flight *f) {
    if (f->value != NULL) {
        blob_unref(&f->value->blob);
        f->value = NULL;
    }
    free(f->head_text);
    f->head_text = NULL;
    f->has_head = false;
    f->body_size = 0;
}

/* This node could not do it: nothing is to be concluded of the origin. */
static void give_up(struct origin_flight *f, enum result result) {
    const struct origin *origin = f->worker->origin;

    if (f->old_held.blob != NULL) {
        origin_unmark(origin->table, f->hash, origin_flight_key(f),
                      table_seconds(origin->start_ns, clock_monotonic_ns()));
    }
    origin_land(f, ORIGIN_LANDED_NONE, result);
}

static void land(struct origin_flight *f) {
    if (f->overtaxed) {
        count(f, COUNTER_LIMIT_ORIGIN_MEMORY);
        give_up(f, RESULT_ORIGIN_BUSY);
        return;
    }
    origin_publish(f);
    origin_land(f, f->outcome.action == JUDGE_KEEP ? ORIGIN_LANDED_KEPT : ORIGIN_LANDED_VALUE, RESULT_DONE);
}

/* Whether it is this node that could not do it. */
static bool is_our_own(const struct origin_flight *f, enum larder_error error) {
    return f->worker->ended || error == LARDER_ERROR_NO_MEMORY || error == LARDER_ERROR_IO;
}

static void on_done(void *ctx, enum larder_error error) {
    struct origin_flight *f = ctx;

    if (error == LARDER_OK && f->has_head && f->outcome.action == JUDGE_RELOAD && !f->outcome.failed) {
        count_answer(f);
        forget_answer(f);
        f->conditional = false;
        f->worker->calling = true;
        origin_load(f);
        f->worker->calling = false;
        return;
    }
    if (error != LARDER_OK && is_our_own(f, error)) {
        give_up(f, RESULT_ORIGIN_BUSY);
        return;
    }
    if (error == LARDER_OK && !f->overtaxed) {
        conclude(f);
    } else if (error != LARDER_OK) {
        fail(f, fault_of(f, error));
    }
    land(f);
}

static const struct fetch_ops ops = {.on_head = on_head, .on_body = on_body, .on_done = on_done};

/* --- asking --- */

static size_t add_validators(const struct origin_flight *f, struct fetch_field fields[VALIDATORS_MAX]) {
    size_t count = 0;

    if (f->conditional && f->old.etag.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("If-None-Match"), f->old.etag};
    }
    if (f->conditional && f->old.last_modified.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("If-Modified-Since"), f->old.last_modified};
    }
    return count;
}

/* The group's URL, '/', and the key behind the group's name, as it is. */
static struct slice url_of(const struct group_policy *policy, struct slice key, char *place) {
    struct slice rest = slice_skip(key, policy->name_size);
    size_t size = policy->origin.url_size;

    memcpy(place, policy->origin.url, size);
    memcpy(place + size, rest.data, rest.size);
    return slice_make(place, size + rest.size);
}

/* What cannot be begun. */
static void refuse(struct origin_flight *f, enum larder_error error) {
    if (error == LARDER_ERROR_INVALID) {
        give_up(f, RESULT_NO_ORIGIN_KEY);
    } else {
        count(f, COUNTER_LIMIT_ORIGIN_FLIGHTS);
        give_up(f, error == LARDER_ERROR_NO_MEMORY ? RESULT_NO_MEMORY : RESULT_ORIGIN_BUSY);
    }
}

void origin_load(struct origin_flight *f) {
    const struct group_policy *policy = policy_of(f);
    struct fetch_field fields[VALIDATORS_MAX];
    char place[GROUP_ORIGIN_URL_MAX + REQUEST_KEY_MAX];
    const struct fetch_request request = {
        .method = FETCH_GET,
        .url = url_of(policy, origin_flight_key(f), place),
        .fields = fields,
        .field_count = add_validators(f, fields),
        .deadline_ns = f->begun_ns + policy->origin.timeout_ns,
        .body_max = ORIGIN_PASSED_MAX,
    };
    enum larder_error error = LARDER_ERROR_CLOSED;

    f->asked_ms = origin_now_ms(f->worker->origin);
    if (!f->worker->ended && group_policy_is_origin(policy)) {
        error = f->worker->fetch(f->worker, policy, &request, &ops, f);
    }
    if (error != LARDER_OK) {
        refuse(f, error);
    }
}
