/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/condition.h"

#include "base/number.h"
#include "proto/http/chars.h"

/* A tag on its way from the list. */
struct tag {
    bool weak;
    struct slice text; /* between the quotes */
};

static void skip_separators(struct slice *list) {
    while (list->size > 0 && (list->data[0] == ' ' || list->data[0] == '\t' || list->data[0] == ',')) {
        *list = slice_skip(*list, 1);
    }
}

/* Takes a tag off the list; behind it comes a comma or nothing. False: there is none. A comma may stand within. */
static bool take_tag(struct slice *list, struct tag *ret_tag) {
    struct slice rest = *list;
    size_t size;

    ret_tag->weak = slice_has_prefix(rest, SLICE("W/"));
    rest = slice_skip(rest, ret_tag->weak ? 2 : 0);
    if (rest.size == 0 || rest.data[0] != '"') {
        return false;
    }
    rest = slice_skip(rest, 1);
    size = http_span(rest, HTTP_CHARS_ETAG);
    if (size == rest.size || rest.data[size] != '"') {
        return false;
    }
    ret_tag->text = slice_make(rest.data, size);
    rest = slice_skip(rest, size + 1);
    while (rest.size > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t')) {
        rest = slice_skip(rest, 1);
    }
    *list = rest;
    return rest.size == 0 || rest.data[0] == ',';
}

/* Of a number only the one way in which we write it is the value's tag. */
static bool revision_of(struct slice text, uint64_t *ret_revision) {
    return text.size > 0 && (text.data[0] != '0' || text.size == 1) && number_parse_u64(text, ret_revision);
}

static bool add_tag(struct http_condition *c, const struct tag *tag, bool weak_counts) {
    uint64_t revision;

    if ((tag->weak && !weak_counts) || !revision_of(tag->text, &revision)) {
        return true;
    }
    if (c->count == HTTP_CONDITION_TAGS_MAX) {
        return false;
    }
    c->revisions[c->count++] = revision;
    return true;
}

static bool read_list(struct http_condition *c, struct slice list, bool weak_counts) {
    struct tag tag;

    if (slice_equal(list, SLICE("*"))) {
        c->kind = HTTP_CONDITION_ANY;
        return true;
    }
    c->kind = HTTP_CONDITION_LIST;
    skip_separators(&list);
    while (list.size > 0) {
        if (!take_tag(&list, &tag) || !add_tag(c, &tag, weak_counts)) {
            return false;
        }
        skip_separators(&list);
    }
    return true;
}

static bool read_field(const struct http_head *head, enum http_field field, bool weak_counts,
                       struct http_condition *c) {
    struct slice value;
    size_t cursor = 0;

    c->kind = HTTP_CONDITION_NONE;
    c->count = 0;
    if (head->fields[field].data == NULL) {
        return true;
    }
    while (http_head_next(head, field, &cursor, &value)) {
        if (c->kind == HTTP_CONDITION_ANY || (c->kind == HTTP_CONDITION_LIST && slice_equal(value, SLICE("*"))) ||
            !read_list(c, value, weak_counts)) {
            return false;
        }
    }
    return true;
}

bool http_conditions_read(const struct http_head *head, struct http_conditions *ret_conditions) {
    return read_field(head, HTTP_FIELD_IF_MATCH, false, &ret_conditions->match) &&
           read_field(head, HTTP_FIELD_IF_NONE_MATCH, true, &ret_conditions->none_match);
}

bool http_condition_names(const struct http_condition *condition, bool exists, uint64_t revision) {
    if (!exists || condition->kind == HTTP_CONDITION_ANY) {
        return exists;
    }
    for (unsigned i = 0; i < condition->count; i++) {
        if (condition->revisions[i] == revision) {
            return true;
        }
    }
    return false;
}

bool http_conditions_hold(const struct http_conditions *conditions, bool exists, uint64_t revision) {
    const struct http_condition *match = &conditions->match;
    const struct http_condition *none_match = &conditions->none_match;

    return (match->kind == HTTP_CONDITION_NONE || http_condition_names(match, exists, revision)) &&
           (none_match->kind == HTTP_CONDITION_NONE || !http_condition_names(none_match, exists, revision));
}
