/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top/draw.h"

#include <stdarg.h>
#include <string.h>

#include "cli/human.h"
#include "cli/json_in.h"

enum {
    LINE_MAX_BYTES = 1024,
    OWNER_WIDTH_MAX = 24,
    KEY_MAX = 4096, /* bytes, in base64 */
};

#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

/* Shortens the text to `width` characters, all of them ASCII. */
static void cut(char *text, size_t width) {
    size_t size = strlen(text);

    if (size <= width) {
        return;
    }
    text[width] = '\0';
    for (size_t i = 0; i < 3 && width > 3; i++) {
        text[width - 1 - i] = '.';
    }
}

static void begin(const struct top_screen *s) {
    fputs(s->live ? HOME : "", s->to);
}

static void end(const struct top_screen *s) {
    fputs(s->live ? CLEAR_BELOW : "", s->to);
}

/* A line in a colour, cut to the width. */
__attribute__((format(printf, 3, 4))) static void line(const struct top_screen *s, const char *colour,
                                                       const char *format, ...) {
    char text[LINE_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (s->width > 0) {
        cut(text, s->width);
    }
    fprintf(s->to, "%s%s%s%s\n", colour, text, *colour == '\0' ? "" : s->terminal->plain, s->live ? CLEAR_LINE : "");
}

static const char *escaped(const json_t *object, const char *name, char ret_text[SLICE_ESCAPED_MAX]) {
    struct buf place;
    struct slice text;

    buf_init(&place, KEY_MAX);
    if (!json_get_bytes(object, name, &place, &text)) {
        text = SLICE("-");
    }
    slice_escape(text, ret_text);
    buf_fini(&place);
    return ret_text;
}

static const char *rate_text(double rate, char ret_text[HUMAN_TEXT_MAX]) {
    if (rate < 99.95) {
        snprintf(ret_text, HUMAN_TEXT_MAX, "%.1f", rate);
        return ret_text;
    }
    return human_count((uint64_t)(rate + 0.5), ret_text);
}

static void draw_nodes(const struct top_screen *s, double rate, const char *more) {
    char text[HUMAN_TEXT_MAX];

    line(s, s->terminal->bold, "%zu node%s, %s requests/s%s", s->nodes, s->nodes == 1 ? "" : "s", rate_text(rate, text),
         more);
}

static void draw_missing(const struct top_screen *s) {
    size_t index;
    json_t *id;

    json_array_foreach(s->missing, index, id) {
        char text[SLICE_ESCAPED_MAX];

        slice_escape(slice_make(json_string_value(id), json_string_length(id)), text);
        line(s, s->terminal->red, "%s does not answer: what its clients ask for is missing here", text);
    }
}

/* --- keys --- */

static int owner_width(const struct top_keys *keys, size_t rows) {
    size_t width = sizeof("OWNER") - 1;

    for (size_t i = 0; i < keys->count && i < rows; i++) {
        char text[SLICE_ESCAPED_MAX];
        size_t size = strlen(escaped(keys->keys[i].told, "owner", text));

        width = size > width ? size : width;
    }
    return (int)(width > OWNER_WIDTH_MAX ? OWNER_WIDTH_MAX : width);
}

static void draw_key(const struct top_screen *s, const struct top_keys *keys, const struct top_key *key, int width) {
    char name[SLICE_ESCAPED_MAX], owner[SLICE_ESCAPED_MAX], rate[HUMAN_TEXT_MAX];
    const char *colour = key->hot ? s->terminal->yellow : "";
    double share = 100 * top_key_share(keys, key);

    escaped(key->told, "key", name);
    rate_text(key->rate, rate);
    if (width == 0) {
        line(s, colour, "%10s  %7.1f  %s", rate, share, name);
        return;
    }
    escaped(key->told, "owner", owner);
    cut(owner, (size_t)width);
    line(s, colour, "%10s  %7.1f  %-*s  %s", rate, share, width, owner, name);
}

void top_draw_keys(const struct top_screen *s, const struct top_keys *keys) {
    char hot[HUMAN_TEXT_MAX], more[2 * HUMAN_TEXT_MAX] = "";
    int width = keys->owned ? owner_width(keys, s->rows) : 0;

    if (keys->hot_rate > 0) {
        snprintf(more, sizeof(more), ", hot from %s", human_count((uint64_t)(keys->hot_rate + 0.5), hot));
    }
    begin(s);
    draw_nodes(s, keys->rate, more);
    draw_missing(s);
    if (keys->hot_rate <= 0) {
        line(s, s->terminal->yellow, "nobody counts: the option hot-rate is 0");
    } else if (width > 0) {
        line(s, s->terminal->dim, "%10s  %7s  %-*s  %s", "RATE/S", "SHARE %", width, "OWNER", "KEY");
    } else {
        line(s, s->terminal->dim, "%10s  %7s  %s", "RATE/S", "SHARE %", "KEY");
    }
    for (size_t i = 0; i < keys->count && i < s->rows; i++) {
        draw_key(s, keys, &keys->keys[i], width);
    }
    if (keys->count == 0 && keys->hot_rate > 0) {
        line(s, s->terminal->dim, "no key is asked for so often that it stands out");
    }
    end(s);
}

/* --- groups --- */

static void draw_group(const struct top_screen *s, const struct top_groups *groups, const struct top_group *group) {
    char name[SLICE_ESCAPED_MAX], rate[HUMAN_TEXT_MAX], hits[HUMAN_TEXT_MAX] = "-";
    double share = groups->rate > 0 ? 100 * group->rate / groups->rate : 0;
    double ratio = top_group_hit_ratio(group);

    slice_escape(slice_from_string(group->name), name);
    if (ratio >= 0) {
        snprintf(hits, sizeof(hits), "%.1f", 100 * ratio);
    }
    line(s, group->rate > 0 ? "" : s->terminal->dim, "%10s  %7.1f  %6s  %s", rate_text(group->rate, rate), share, hits,
         name);
}

void top_draw_groups(const struct top_screen *s, const struct top_groups *groups) {
    begin(s);
    draw_nodes(s, groups->rate, "");
    draw_missing(s);
    line(s, s->terminal->dim, "%10s  %7s  %6s  %s", "RATE/S", "SHARE %", "HITS %", "GROUP");
    for (size_t i = 0; i < groups->count && i < s->rows; i++) {
        draw_group(s, groups, &groups->groups[i]);
    }
    end(s);
}
