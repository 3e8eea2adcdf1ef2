/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stat_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { LINES_MAX = 1 << 20 /* what we take from one server at once */ };

struct fetch {
    struct stat_list *list;
    const struct ask *ask;
    struct slice name;
    size_t capacity;
    int code;
};

void stat_list_fini(struct stat_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->lines[i].name);
        free(list->lines[i].value);
    }
    free(list->lines);
    stat_list_init(list);
}

static bool make_room(struct fetch *f) {
    size_t wanted = f->capacity == 0 ? 128 : f->capacity * 2;
    struct stat_line *lines;

    if (f->list->count < f->capacity) {
        return true;
    }
    lines = wanted > LINES_MAX ? NULL : realloc(f->list->lines, wanted * sizeof(*lines));
    if (lines == NULL) {
        return false;
    }
    f->list->lines = lines;
    f->capacity = wanted;
    return true;
}

static bool append(struct fetch *f, const struct answer *answer) {
    struct stat_line line = {.number = 0};

    if (!make_room(f)) {
        return false;
    }
    line.is_number = number_parse_u64(answer->text, &line.number);
    line.name = strndup(answer->name.data, answer->name.size);
    line.value = answer->text.size == 0 ? strdup("") : strndup(answer->text.data, answer->text.size);
    if (line.name == NULL || line.value == NULL) {
        free(line.name);
        free(line.value);
        return false;
    }
    f->list->lines[f->list->count++] = line;
    return true;
}

static void on_answer(void *ctx, const struct answer *answer) {
    struct fetch *f = ctx;

    if (ask_is_refusal(answer)) {
        f->code = ask_explain_refusal(f->ask, f->name.size == 0 ? "give statistics" : "give these statistics", answer);
    } else if (answer->more && f->code == EXIT_CODE_OK && !append(f, answer)) {
        f->code = ask_explain_error(f->ask, LARDER_ERROR_NO_MEMORY);
    }
}

int stat_list_fetch(struct stat_list *list, const struct ask *ask, struct slice name) {
    struct fetch f = {.list = list, .ask = ask, .name = name};
    enum larder_error error = client_stats(ask->client, name, on_answer, &f);

    return error == LARDER_OK ? f.code : ask_explain_error(ask, error);
}

const struct stat_line *stat_list_find(const struct stat_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->lines[i].name, name) == 0) {
            return &list->lines[i];
        }
    }
    return NULL;
}

uint64_t stat_list_number(const struct stat_list *list, const char *name) {
    const struct stat_line *line = stat_list_find(list, name);

    return line == NULL || !line->is_number ? 0 : line->number;
}
