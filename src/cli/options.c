/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

#include "base/number.h"

static bool is_short(const struct option_row *row) {
    return row->name != NULL && strlen(row->name) == 1;
}

/* The row that `word`, an option, names, and in ret_value what is attached to it: behind the `=` of a long option, behind
 * the letter of a short one; NULL when nothing is. */
static const struct option_row *find_row(const struct option_row *rows, const char *word, const char **ret_value) {
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;

    for (const struct option_row *row = rows; row->name != NULL; row++) {
        if (is_short(row) != is_long && strlen(row->name) == size && memcmp(row->name, name, size) == 0) {
            *ret_value = name[size] == '\0' ? NULL : name + size + is_long;
            return row;
        }
    }
    return NULL;
}

static bool read_number(const struct option_row *row, struct slice text, uint64_t *ret_number) {
    int64_t duration;

    switch (row->kind) {
    case OPTION_COUNT:
        return number_parse_u64(text, ret_number);
    case OPTION_SIZE:
        return number_parse_size(text, ret_number);
    default:
        if (!number_parse_duration(text, &duration)) {
            return false;
        }
        *ret_number = (uint64_t)duration;
        return true;
    }
}

static bool set_number(const struct option_row *row, void *field, const char *value, const char **ret_reason) {
    static const char *const expected[] = {
        [OPTION_COUNT] = "not a number",
        [OPTION_SIZE] = "not a size like 64, 4k or 1m",
        [OPTION_DURATION] = "not a duration like 10, 500ms or 2m",
    };
    uint64_t number;

    if (!read_number(row, slice_from_string(value), &number)) {
        *ret_reason = expected[row->kind];
        return false;
    }
    if (number < row->min) {
        *ret_reason = "too small";
        return false;
    }
    if (row->max != 0 && number > row->max) {
        *ret_reason = "too large";
        return false;
    }
    memcpy(field, &number, sizeof(number));
    return true;
}

static bool set_value(const struct option_row *row, void *target, const char *value, const char **ret_reason) {
    void *field = (char *)target + row->offset;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case OPTION_TEXT:
        *(const char **)field = value;
        return true;
    case OPTION_CUSTOM:
        return row->set(field, value, ret_reason);
    default:
        return set_number(row, field, value, ret_reason);
    }
}

/* Reads the option at argv[*at], and its argument if that is a word of its own. */
static bool read_option(const struct option_row *rows, const char *program, int argc, char **argv, int *at,
                        void *target) {
    const char *value = NULL;
    const struct option_row *row = find_row(rows, argv[*at], &value);
    const char *reason = NULL;

    if (row == NULL) {
        fprintf(stderr, "%s: there is no option '%s'; see --help (what follows a -- is never an option)\n", program,
                argv[*at]);
        return false;
    }
    if (row->kind == OPTION_FLAG && value != NULL) {
        fprintf(stderr, "%s: %s takes no value\n", program, argv[*at]);
        return false;
    }
    if (row->kind != OPTION_FLAG && value == NULL) {
        if (*at + 1 == argc) {
            fprintf(stderr, "%s: %s needs a value: %s\n", program, argv[*at], row->argument);
            return false;
        }
        value = argv[++*at];
    }
    if (!set_value(row, target, value, &reason)) {
        fprintf(stderr, "%s: %s%s %s: %s\n", program, is_short(row) ? "-" : "--", row->name, value, reason);
        return false;
    }
    return true;
}

enum options_outcome options_parse(const struct option_row *rows, const char *program, int argc, char **argv,
                                   void *target, int *ret_positional_count) {
    bool options_ended = false;
    int positional = 0;

    for (int i = 1; i < argc; i++) {
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[positional++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_ended = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return OPTIONS_HELP;
        } else if (!read_option(rows, program, argc, argv, &i, target)) {
            return OPTIONS_WRONG;
        }
    }
    *ret_positional_count = positional;
    return OPTIONS_DONE;
}

static void print_names(const struct option_row *row, char *left, size_t size) {
    const char *letter = is_short(row + 1) ? row[1].name : "";

    snprintf(left, size, "%s%s%s--%s%s%s", *letter == '\0' ? "" : "-", letter, *letter == '\0' ? "" : ", ", row->name,
             row->argument == NULL ? "" : " ", row->argument == NULL ? "" : row->argument);
}

void options_print(const struct option_row *rows, FILE *to) {
    char left[64];

    for (const struct option_row *row = rows; row->name != NULL; row += is_short(row + 1) ? 2 : 1) {
        const char *help = row->help;
        size_t line = strcspn(help, "\n");

        print_names(row, left, sizeof(left));
        fprintf(to, "  %-28s %.*s\n", left, (int)line, help);
        while (help[line] == '\n') {
            help += line + 1;
            line = strcspn(help, "\n");
            fprintf(to, "  %-28s %.*s\n", "", (int)line, help);
        }
    }
}
