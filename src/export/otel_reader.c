/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otel_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/number.h"
#include "proto/http/target.h"

enum { NAME_MAX_SIZE = 80 };

void otel_warn(struct otel_reader *r, const char *format, ...) {
    char text[OTEL_WARNING_MAX];
    va_list arguments;

    if (r->warn == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    r->warn(r->warn_ctx, text);
}

struct slice otel_text(struct otel_reader *r, const char *name) {
    const char *value = r->lookup(r->lookup_ctx, name);
    struct slice text = value == NULL ? SLICE("") : slice_trim(slice_from_string(value));

    if (text.size > OTEL_VALUE_MAX) {
        otel_warn(r, "%s is longer than %d bytes, and is passed over", name, OTEL_VALUE_MAX);
        return SLICE("");
    }
    return text;
}

struct slice otel_signal_text(struct otel_reader *r, const char *signal, const char *what) {
    char name[NAME_MAX_SIZE];
    struct slice text;

    snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s_%s", signal, what);
    text = otel_text(r, name);
    if (text.size > 0) {
        return text;
    }
    snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s", what);
    return otel_text(r, name);
}

static bool is_word(struct slice text, const char *word) {
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

bool otel_truth(struct otel_reader *r, const char *name) {
    struct slice text = otel_text(r, name);

    if (text.size > 0 && !is_word(text, "true") && !is_word(text, "false")) {
        otel_warn(r, "%s is neither true nor false: taken for false", name);
    }
    return is_word(text, "true");
}

uint64_t otel_number(struct otel_reader *r, const char *name, uint64_t otherwise, uint64_t min, uint64_t max) {
    struct slice text = otel_text(r, name);
    uint64_t number;

    if (text.size == 0) {
        return otherwise;
    }
    if (!number_parse_u64(text, &number) || number < min || number > max) {
        otel_warn(r, "%s is no whole number from %llu to %llu: %llu is taken", name, (unsigned long long)min,
                  (unsigned long long)max, (unsigned long long)otherwise);
        return otherwise;
    }
    return number;
}

const char *otel_join(struct otel_reader *r, struct slice a, struct slice b) {
    char *text = arena_alloc(&r->settings->texts, a.size + b.size + 1);

    if (text == NULL) {
        r->failed = true;
        return NULL;
    }
    memcpy(text, a.data, a.size);
    memcpy(text + a.size, b.data, b.size);
    text[a.size + b.size] = '\0';
    return text;
}

/* A copy in the arena. */
static bool decode(struct otel_reader *r, struct slice encoded, struct slice *ret_text) {
    char *place = arena_alloc(&r->settings->texts, encoded.size + 1);

    if (place == NULL) {
        r->failed = true;
        return false;
    }
    return http_percent_decode(encoded, '+', place, ret_text);
}

static bool pair(struct otel_reader *r, struct slice member, otel_pair_fn *fn, void *ctx) {
    const char *equals = memchr(member.data, '=', member.size);
    struct slice key, value;

    if (equals == NULL) {
        return false;
    }
    key = slice_trim(slice_make(member.data, (size_t)(equals - member.data)));
    value = slice_trim(slice_make(equals + 1, (size_t)(member.data + member.size - equals - 1)));
    return key.size > 0 && decode(r, key, &key) && decode(r, value, &value) && fn(r, ctx, key, value);
}

bool otel_pairs(struct otel_reader *r, struct slice list, otel_pair_fn *fn, void *ctx) {
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma == NULL ? list.size : (size_t)(comma - list.data);
        struct slice member = slice_trim(slice_make(list.data, size));

        if (member.size > 0 && !pair(r, member, fn, ctx)) {
            return false;
        }
        list = slice_skip(list, comma == NULL ? size : size + 1);
    }
    return true;
}
