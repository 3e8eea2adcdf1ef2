/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/span.h"

#include <assert.h>
#include <stddef.h>

/* The first bytes of `text` that fit and are whole characters: protobuf's strings are UTF-8. */
static size_t fitting(const struct span *span, struct slice text) {
    size_t room = SPAN_TEXT_MAX - span->text_size, size = text.size;

    if (size <= room) {
        return size;
    }
    size = room;
    while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

static struct slice keep(struct span *span, struct slice text) {
    size_t size = fitting(span, text);
    char *to = span->text + span->text_size;

    if (size > 0) {
        memcpy(to, text.data, size);
    }
    span->text_size += size;
    return slice_make(to, size);
}

void span_init(struct span *span, struct slice name, enum span_kind kind) {
    memset(span, 0, offsetof(struct span, attributes));
    span->kind = kind;
    span->name = keep(span, name);
}

void span_rename(struct span *span, struct slice name) {
    span->name = keep(span, name);
}

static struct span_attribute *find(struct span *span, struct slice key) {
    for (uint32_t i = 0; i < span->attribute_count; i++) {
        if (slice_equal(span->attributes[i].key, key)) {
            return &span->attributes[i];
        }
    }
    return NULL;
}

void span_set(struct span *span, struct slice key, struct span_value value) {
    struct span_attribute *attribute;

    if (!span->records) {
        return;
    }
    attribute = find(span, key);
    if (attribute == NULL) {
        if (span->attribute_count == SPAN_ATTRIBUTES_MAX || key.size == 0 ||
            key.size > SPAN_TEXT_MAX - span->text_size) {
            span->attributes_dropped++;
            return;
        }
        attribute = &span->attributes[span->attribute_count++];
        attribute->key = keep(span, key);
    }
    if (value.kind == SPAN_VALUE_TEXT) {
        value.text = keep(span, value.text);
    }
    attribute->value = value;
}

void span_add_event(struct span *span, struct slice name, int64_t time_ns) {
    if (!span->records) {
        return;
    }
    if (span->event_count == SPAN_EVENTS_MAX || name.size > SPAN_TEXT_MAX - span->text_size) {
        span->events_dropped++;
        return;
    }
    span->events[span->event_count++] = (struct span_event){.name = keep(span, name), .time_ns = time_ns};
}

void span_set_status(struct span *span, enum span_status status, struct slice message) {
    if (!span->records || status == SPAN_UNSET || span->status == SPAN_OK) {
        return;
    }
    span->status = status;
    span->message = status == SPAN_ERROR ? keep(span, message) : SLICE("");
}

bool span_set_state(struct span *span, struct slice state) {
    if (state.size > SPAN_TEXT_MAX - span->text_size) {
        return false;
    }
    span->state = keep(span, state);
    return true;
}
