/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/entry.h"

#include <assert.h>

enum { MAGIC = 0x96, TEXTS = 3, AT_BODY_SIZE = 20, AT_HELD = 44 };

/* --- what a good entry is; the same for writing and for what was read --- */

static bool is_span(int64_t ms) {
    return ms >= 0 && ms <= ORIGIN_SPAN_MAX;
}

static bool is_instant(int64_t ms) {
    return ms >= 0 && ms <= ORIGIN_INSTANT_MAX;
}

static bool times_are_good(const struct origin_entry *e) {
    return is_instant(e->asked_ms) && is_instant(e->answered_ms) && is_instant(e->held_ms) &&
           e->date >= -ORIGIN_INSTANT_MAX && e->date <= ORIGIN_INSTANT_MAX && is_span(e->initial_age_ms) &&
           is_span(e->lifetime_ms) && is_span(e->while_revalidate_ms) && is_span(e->if_error_ms);
}

static bool kind_is_good(const struct origin_entry *e) {
    if (e->kind == ORIGIN_MARKER) {
        return e->status == 0 && e->fields.count == 0 && e->body.size == 0;
    }
    return e->status >= 200 && e->status <= 599 && e->status != 304;
}

static bool texts_are_good(const struct origin_entry *e) {
    return (e->etag.size == 0 || http_is_etag(e->etag)) && origin_field_value_is_good(e->last_modified) &&
           origin_field_value_is_good(e->content_type);
}

static bool is_good(const struct origin_entry *e) {
    return e->kind < ORIGIN_KIND_COUNT && (e->flags & ~(uint32_t)ORIGIN_FLAGS_ALL) == 0 && kind_is_good(e) &&
           times_are_good(e) && texts_are_good(e);
}

enum larder_error origin_entry_head_size(const struct origin_entry *e, size_t *ret_size) {
    if (e->etag.size > ORIGIN_ENTRY_TEXT_MAX || e->last_modified.size > ORIGIN_ENTRY_TEXT_MAX ||
        e->content_type.size > ORIGIN_ENTRY_TEXT_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    if (!is_good(e)) {
        return LARDER_ERROR_INVALID;
    }
    *ret_size = ORIGIN_ENTRY_FIXED + e->etag.size + e->last_modified.size + e->content_type.size + e->fields.size;
    return LARDER_OK;
}

/* --- writing --- */

/* The lowest `size` bytes of a number, the highest of them first. */
static char *put(char *place, uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        place[i] = (char)(number >> 8 * (size - 1 - i));
    }
    return place + size;
}

static char *put_text(char *place, struct slice text) {
    if (text.size > 0) {
        memcpy(place, text.data, text.size);
    }
    return place + text.size;
}

static char *put_numbers(char *at, const struct origin_entry *e, size_t size) {
    at = put(at, MAGIC, 1);
    at = put(at, ORIGIN_ENTRY_VERSION, 1);
    at = put(at, e->kind, 1);
    at = put(at, e->flags, 1);
    at = put(at, e->status, 2);
    at = put(at, e->fields.count, 2);
    at = put(at, size, 4);
    at = put(at, e->etag.size, 2);
    at = put(at, e->last_modified.size, 2);
    at = put(at, e->content_type.size, 2);
    at = put(at, 0, 2);
    at = put(at, e->body.size, 8);
    at = put(at, (uint64_t)e->asked_ms, 8);
    at = put(at, (uint64_t)e->answered_ms, 8);
    at = put(at, (uint64_t)e->held_ms, 8);
    at = put(at, (uint64_t)e->date, 8);
    at = put(at, (uint64_t)e->initial_age_ms, 8);
    at = put(at, (uint64_t)e->lifetime_ms, 8);
    at = put(at, (uint64_t)e->while_revalidate_ms, 8);
    return put(at, (uint64_t)e->if_error_ms, 8);
}

size_t origin_entry_write_head(const struct origin_entry *e, char *place) {
    size_t size = 0;
    enum larder_error error = origin_entry_head_size(e, &size);
    char *at;

    assert(error == LARDER_OK);
    (void)error;
    at = put_numbers(place, e, size);
    assert(at == place + ORIGIN_ENTRY_FIXED);
    at = put_text(at, e->etag);
    at = put_text(at, e->last_modified);
    at = put_text(at, e->content_type);
    for (unsigned i = 0; i < e->fields.count; i++) {
        at = put(at, e->fields.all[i].name.size, 2);
        at = put(at, e->fields.all[i].value.size, 2);
        at = put_text(at, e->fields.all[i].name);
        at = put_text(at, e->fields.all[i].value);
    }
    assert(at == place + size);
    return size;
}

void origin_entry_hold(char *value, int64_t held_ms) {
    assert(is_instant(held_ms));
    put(value + AT_HELD, (uint64_t)held_ms, 8);
}

void origin_entry_set_body_size(char *head, uint64_t size) {
    put(head + AT_BODY_SIZE, size, 8);
}

/* --- reading --- */

/* The next `size` bytes as a number; there are as many. */
static uint64_t get(struct slice *from, unsigned size) {
    uint64_t number = 0;

    for (unsigned i = 0; i < size; i++) {
        number = number << 8 | (unsigned char)from->data[i];
    }
    *from = slice_skip(*from, size);
    return number;
}

/* What the fixed part says of the sizes of the others. */
struct sizes {
    size_t head;
    size_t texts[TEXTS];
    unsigned fields;
    uint64_t body;
};

/* False: it begins otherwise. */
static bool get_numbers(struct slice *from, struct origin_entry *e, struct sizes *ret_sizes) {
    bool known = get(from, 1) == MAGIC && get(from, 1) == ORIGIN_ENTRY_VERSION;

    if (!known) {
        return false;
    }
    e->kind = (enum origin_kind)get(from, 1);
    e->flags = (uint32_t)get(from, 1);
    e->status = (unsigned)get(from, 2);
    ret_sizes->fields = (unsigned)get(from, 2);
    ret_sizes->head = (size_t)get(from, 4);
    for (unsigned i = 0; i < TEXTS; i++) {
        ret_sizes->texts[i] = (size_t)get(from, 2);
    }
    known = get(from, 2) == 0;
    ret_sizes->body = get(from, 8);
    e->asked_ms = (int64_t)get(from, 8);
    e->answered_ms = (int64_t)get(from, 8);
    e->held_ms = (int64_t)get(from, 8);
    e->date = (int64_t)get(from, 8);
    e->initial_age_ms = (int64_t)get(from, 8);
    e->lifetime_ms = (int64_t)get(from, 8);
    e->while_revalidate_ms = (int64_t)get(from, 8);
    e->if_error_ms = (int64_t)get(from, 8);
    return known;
}

/* False: there are not so many bytes. */
static bool get_text(struct slice *from, size_t size, struct slice *ret_text) {
    if (size > from->size) {
        return false;
    }
    *ret_text = slice_make(from->data, size);
    *from = slice_skip(*from, size);
    return true;
}

static bool get_texts(struct slice *from, const struct sizes *sizes, struct origin_entry *e) {
    struct slice *const texts[TEXTS] = {&e->etag, &e->last_modified, &e->content_type};

    for (unsigned i = 0; i < TEXTS; i++) {
        if (sizes->texts[i] > ORIGIN_ENTRY_TEXT_MAX || !get_text(from, sizes->texts[i], texts[i])) {
            return false;
        }
    }
    return true;
}

static bool get_fields(struct slice *from, unsigned count, struct origin_fields *fields) {
    origin_fields_clear(fields);
    for (unsigned i = 0; i < count; i++) {
        struct slice name, value;
        size_t name_size, value_size;

        if (from->size < ORIGIN_FIELD_OVERHEAD) {
            return false;
        }
        name_size = (size_t)get(from, 2);
        value_size = (size_t)get(from, 2);
        if (!get_text(from, name_size, &name) || !get_text(from, value_size, &value) ||
            !origin_fields_add(fields, name, value)) {
            return false;
        }
    }
    return true;
}

enum larder_error origin_entry_read(struct slice value, struct origin_entry *ret_entry) {
    struct slice head = value;
    struct sizes sizes;

    if (value.size < ORIGIN_ENTRY_FIXED || !get_numbers(&head, ret_entry, &sizes) || sizes.head < ORIGIN_ENTRY_FIXED ||
        sizes.head > value.size || sizes.body != value.size - sizes.head) {
        return LARDER_ERROR_INVALID;
    }
    head.size = sizes.head - ORIGIN_ENTRY_FIXED;
    if (!get_texts(&head, &sizes, ret_entry) || !get_fields(&head, sizes.fields, &ret_entry->fields) || head.size > 0) {
        return LARDER_ERROR_INVALID;
    }
    ret_entry->body = slice_skip(value, sizes.head);
    return is_good(ret_entry) ? LARDER_OK : LARDER_ERROR_INVALID;
}

int64_t origin_entry_age_ms(const struct origin_entry *e, int64_t now_ms) {
    int64_t resident = now_ms - e->answered_ms;

    return e->initial_age_ms + (resident > 0 ? resident : 0);
}
