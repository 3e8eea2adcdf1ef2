/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/group_option.h"
#include "daemon/ini.h"

/* Where in the file we are. */
struct config {
    struct options *options;
    struct diagnostics *diagnostics;
    const char *file_name;
    enum { SECTION_NONE, SECTION_NODE, SECTION_GROUP, SECTION_IGNORED /* it was wrong itself */ } section;
    unsigned node_line; /* of [node]; 0: not yet */
    size_t group;
    unsigned option_lines[GROUP_OPTION_COUNT]; /* of the present group; 0: not yet */
};

static struct place place_of(const struct config *c, const struct ini_line *line) {
    return (struct place){.name = c->file_name, .line = line->number};
}

static void enter_node(struct config *c, const struct ini_line *line) {
    if (line->has_argument) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "[node] takes no name");
    }
    if (c->node_line > 0) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "[node] is there twice, first in line %u", c->node_line);
    } else {
        c->node_line = line->number;
    }
    c->section = SECTION_NODE;
}

/* The place of the group of that name in the options; group_count when it is new. */
static size_t find_group(const struct options *o, struct slice name) {
    size_t i = 0;

    while (i < o->group_count && !slice_equal(slice_make(o->groups[i].name, o->groups[i].name_size), name)) {
        i++;
    }
    return i;
}

static void enter_group(struct config *c, const struct ini_line *line) {
    struct options *o = c->options;
    const char *problem = group_name_problem(line->value);
    char escaped[SLICE_ESCAPED_MAX];

    c->section = SECTION_IGNORED;
    if (!line->has_argument) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "a group needs a name in quotes: [group \"users\"]");
        return;
    }
    slice_escape(line->value, escaped);
    if (problem != NULL) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "the group name \"%s\" %s", escaped, problem);
        return;
    }
    c->group = find_group(o, line->value);
    if (c->group < o->group_count && o->group_lines[c->group] > 0) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "the group \"%s\" is there twice, first in line %u",
                            escaped, o->group_lines[c->group]);
        return;
    }
    if (c->group == GROUP_MAX) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "there are more than %d groups", GROUP_MAX - 1);
        return;
    }
    if (c->group == o->group_count) {
        o->groups[o->group_count++] = group_policy_make(line->value, 0);
    }
    o->group_lines[c->group] = line->number;
    memset(c->option_lines, 0, sizeof(c->option_lines));
    c->section = SECTION_GROUP;
}

static void enter_section(struct config *c, const struct ini_line *line) {
    static const char *const names[] = {"node", "group"};

    if (slice_equal(line->name, SLICE("node"))) {
        enter_node(c, line);
    } else if (slice_equal(line->name, SLICE("group"))) {
        enter_group(c, line);
    } else {
        option_unknown(c->diagnostics, place_of(c, line), "section", line->name, names, 2);
        c->section = SECTION_IGNORED;
    }
}

/* What may stand in [node]: not the file itself and not what is a flag only. */
static bool belongs_to_node(enum option option) {
    return option != OPTION_CONFIG && option_infos[option].kind != OPTION_KIND_SWITCH;
}

static void set_node_option(struct config *c, const struct ini_line *line) {
    enum option option = option_find(line->name);
    const char *names[OPTION_COUNT];
    size_t count = 0;

    if (option != OPTION_COUNT && !belongs_to_node(option)) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "%s cannot be set in a file, only as --%s",
                            option_infos[option].name, option_infos[option].name);
        return;
    }
    if (option != OPTION_COUNT) {
        options_set(c->options, option, line->value, OPTION_SOURCE_FILE, place_of(c, line), c->diagnostics);
        return;
    }
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (belongs_to_node((enum option)i)) {
            names[count++] = option_infos[i].name;
        }
    }
    option_unknown(c->diagnostics, place_of(c, line), "option of [node]", line->name, names, count);
}

static void unknown_group_option(struct config *c, const struct ini_line *line) {
    const char *names[GROUP_OPTION_COUNT];

    for (unsigned i = 0; i < GROUP_OPTION_COUNT; i++) {
        names[i] = group_option_infos[i].name;
    }
    option_unknown(c->diagnostics, place_of(c, line), "option of [group]", line->name, names, GROUP_OPTION_COUNT);
}

static void set_group_option(struct config *c, const struct ini_line *line) {
    enum group_option option = group_option_find(line->name);

    if (option == GROUP_OPTION_COUNT) {
        unknown_group_option(c, line);
        return;
    }
    if (c->option_lines[option] > 0) {
        diagnostics_mistake(c->diagnostics, place_of(c, line), "%s is set twice, first in line %u",
                            group_option_infos[option].name, c->option_lines[option]);
        return;
    }
    c->option_lines[option] = line->number;
    group_option_set(&c->options->groups[c->group], option, line, place_of(c, line), c->diagnostics);
}

static void set_option(struct config *c, const struct ini_line *line) {
    switch (c->section) {
    case SECTION_NODE:
        set_node_option(c, line);
        break;
    case SECTION_GROUP:
        set_group_option(c, line);
        break;
    case SECTION_NONE:
        diagnostics_mistake(c->diagnostics, place_of(c, line),
                            "an option before the first section; put [node] above it");
        c->section = SECTION_IGNORED;
        break;
    case SECTION_IGNORED:
        break;
    }
}

void config_parse(const char *text, size_t size, const char *file_name, struct options *o, struct diagnostics *d) {
    struct config c = {.options = o, .diagnostics = d, .file_name = file_name};
    struct ini ini;

    ini_init(&ini, slice_make(text, size));
    for (struct ini_line line = ini_next(&ini); line.kind != INI_END; line = ini_next(&ini)) {
        if (line.kind == INI_BAD) {
            diagnostics_mistake(d, place_of(&c, &line), "%s", line.problem);
        } else if (line.kind == INI_SECTION) {
            enter_section(&c, &line);
        } else {
            set_option(&c, &line);
        }
    }
}

void config_read(const char *path, struct options *o, struct diagnostics *d) {
    struct place place = {.name = path};
    FILE *file = fopen(path, "re");
    char *text;
    size_t size;

    if (file == NULL) {
        diagnostics_mistake(d, place, "cannot be opened: %s", strerror(errno));
        return;
    }
    /* One byte more than allowed, to notice what is too long. */
    text = malloc(CONFIG_FILE_MAX + 1);
    if (text == NULL) {
        diagnostics_mistake(d, place, "out of memory");
        fclose(file);
        return;
    }
    size = fread(text, 1, CONFIG_FILE_MAX + 1, file);
    if (ferror(file)) {
        diagnostics_mistake(d, place, "cannot be read: %s", strerror(errno));
    } else if (size > CONFIG_FILE_MAX) {
        diagnostics_mistake(d, place, "is longer than 1 MiB");
    } else {
        config_parse(text, size, path, o, d);
    }
    free(text);
    fclose(file);
}
