/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config_file.h"
#include "daemon/option_checks.h"
#include "daemon/suggest.h"

/* Flags and environment: where options come from besides the file. */

enum { NAME_ROOM = 64 /* any option's name, with a prefix */ };

static const char prefix[] = "LARDER_";

static void unknown_flag(struct slice name, struct place place, struct diagnostics *d) {
    const char *names[OPTION_COUNT];

    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        names[i] = option_infos[i].name;
    }
    option_unknown(d, place, "flag", name, names, OPTION_COUNT);
}

/* The long name of -h and -V; NULL for anything else. */
static const char *long_name(const char *argument) {
    if (strcmp(argument, "-h") == 0) {
        return "--help";
    }
    return strcmp(argument, "-V") == 0 ? "--version" : NULL;
}

/* Reads the flag at argv[*index] and moves *index behind it and its value. */
static void read_flag(struct options *o, int argc, char *const *argv, int *index, struct diagnostics *d) {
    const char *argument = argv[(*index)++];
    const char *spelled_out = long_name(argument);
    const char *flag = spelled_out != NULL ? spelled_out : argument;
    struct place place = {.name = argument};
    const char *equals = strchr(flag, '=');
    struct slice name = slice_from_string(flag);
    struct slice value = {NULL, 0};
    enum option option;

    if (strncmp(flag, "--", 2) != 0 || flag[2] == '\0') {
        diagnostics_mistake(d, place, "is not a flag; larderd takes only flags, like --memory 256m");
        return;
    }
    name = slice_make(flag + 2, equals != NULL ? (size_t)(equals - flag - 2) : name.size - 2);
    option = option_find(name);
    if (option == OPTION_COUNT) {
        unknown_flag(name, place, d);
        /* What follows is most likely its value, and one mistake is told once. */
        *index += equals == NULL && *index < argc && argv[*index][0] != '-' ? 1 : 0;
        return;
    }
    if (option_infos[option].kind == OPTION_KIND_SWITCH) {
        if (equals != NULL) {
            diagnostics_mistake(d, place, "--%s takes no value", option_infos[option].name);
            return;
        }
    } else if (equals != NULL) {
        value = slice_from_string(equals + 1);
    } else if (*index < argc) {
        value = slice_from_string(argv[(*index)++]);
    } else {
        diagnostics_mistake(d, place, "needs a value: %s %s", argument, option_infos[option].argument);
        return;
    }
    options_set(o, option, value, OPTION_SOURCE_FLAG, place, d);
}

/* "max-item" as "LARDER_MAX_ITEM". */
static void variable_name(const char *name, char ret_text[NAME_ROOM]) {
    int size = snprintf(ret_text, NAME_ROOM, "%s%s", prefix, name);

    for (int i = 0; i < size && i < NAME_ROOM - 1; i++) {
        ret_text[i] = ret_text[i] == '-' ? '_' : (char)toupper((unsigned char)ret_text[i]);
    }
}

static void read_variable(struct options *o, const char *variable, struct diagnostics *d) {
    char names[OPTION_COUNT][NAME_ROOM];
    const char *known[OPTION_COUNT];
    const char *equals = strchr(variable, '=');
    struct slice name = slice_make(variable, equals != NULL ? (size_t)(equals - variable) : strlen(variable));
    size_t count = 0;
    const char *meant;

    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (option_infos[i].kind == OPTION_KIND_SWITCH) {
            continue;
        }
        variable_name(option_infos[i].name, names[i]);
        if (equals != NULL && slice_equal(slice_from_string(names[i]), name)) {
            /* Set to nothing is how one unsets a variable for a service. */
            if (equals[1] == '\0') {
                return;
            }
            options_set(o, (enum option)i, slice_from_string(equals + 1), OPTION_SOURCE_ENVIRONMENT,
                        (struct place){.name = names[i]}, d);
            return;
        }
        known[count++] = names[i];
    }
    /* Only a warning, and only for a likely typo: an orchestrator may set variables of that prefix for its own ends. */
    meant = suggest(name, known, count);
    if (meant != NULL) {
        char escaped[SLICE_ESCAPED_MAX];

        diagnostics_warning(d, (struct place){.name = slice_escape(name, escaped)},
                            "this variable of the environment means nothing; did you mean %s?", meant);
    }
}

bool options_load(struct options *o, int argc, char *const *argv, char *const *environment, struct diagnostics *d) {
    for (int index = 1; index < argc;) {
        read_flag(o, argc, argv, &index, d);
    }
    if (o->help || o->version) {
        return d->mistakes == 0;
    }
    for (char *const *variable = environment; *variable != NULL; variable++) {
        if (strncmp(*variable, prefix, sizeof(prefix) - 1) == 0) {
            read_variable(o, *variable, d);
        }
    }
    if (o->config != NULL) {
        config_read(o->config, o, d);
    }
    data_dir_find(o, environment, d);
    options_settle(o, d);
    return d->mistakes == 0;
}
