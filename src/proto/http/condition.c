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

/* How lists are read: of If-Match and of If-None-Match. */
struct reading {
    struct slice suffix; /* of the tags that belong to values */
    bool weak_counts;
};

/* Of a number only the one way in which we write it is a value's tag, and no value has the number 0. */
static bool number_of(struct slice text, struct slice suffix, uint64_t *ret_number) {
    if (text.size < suffix.size || !slice_equal(slice_skip(text, text.size - suffix.size), suffix)) {
        return false;
    }
    text.size -= suffix.size;
    return text.size > 0 && text.data[0] != '0' && number_parse_u64(text, ret_number);
}

static bool add_tag(struct condition *c, const struct tag *tag, const struct reading *reading) {
    uint64_t number;

    if ((tag->weak && !reading->weak_counts) || !number_of(tag->text, reading->suffix, &number)) {
        return true;
    }
    if (c->count == CONDITION_NUMBERS_MAX) {
        return false;
    }
    c->numbers[c->count++] = number;
    return true;
}

static bool read_list(struct condition *c, struct slice list, const struct reading *reading) {
    struct tag tag;

    if (slice_equal(list, SLICE("*"))) {
        c->kind = CONDITION_ANY;
        return true;
    }
    c->kind = CONDITION_LIST;
    skip_separators(&list);
    while (list.size > 0) {
        if (!take_tag(&list, &tag) || !add_tag(c, &tag, reading)) {
            return false;
        }
        skip_separators(&list);
    }
    return true;
}

static bool read_field(const struct http_head *head, enum http_field field, const struct reading *reading,
                       struct condition *c) {
    struct slice value;
    size_t cursor = 0;

    c->kind = CONDITION_NONE;
    c->count = 0;
    if (head->fields[field].data == NULL) {
        return true;
    }
    while (http_head_next(head, field, &cursor, &value)) {
        if (c->kind == CONDITION_ANY || (c->kind == CONDITION_LIST && slice_equal(value, SLICE("*"))) ||
            !read_list(c, value, reading)) {
            return false;
        }
    }
    return true;
}

bool http_conditions_read(const struct http_head *head, struct slice suffix, struct conditions *ret_conditions) {
    const struct reading strong = {.suffix = suffix};
    const struct reading weak = {.suffix = suffix, .weak_counts = true};

    return read_field(head, HTTP_FIELD_IF_MATCH, &strong, &ret_conditions->match) &&
           read_field(head, HTTP_FIELD_IF_NONE_MATCH, &weak, &ret_conditions->none_match);
}

bool http_tags_name(struct slice list, struct slice etag) {
    struct slice wanted = slice_has_prefix(etag, SLICE("W/")) ? slice_skip(etag, 2) : etag;
    struct tag tag;

    skip_separators(&list);
    if (slice_equal(list, SLICE("*"))) {
        return true;
    }
    while (take_tag(&list, &tag)) {
        if (wanted.size == tag.text.size + 2 && slice_equal(slice_make(wanted.data + 1, tag.text.size), tag.text)) {
            return true;
        }
        skip_separators(&list);
    }
    return false;
}
