/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/option_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/options.h"

enum { LINE_WIDTH = 100, HELP_INDENT = 26 };

bool option_text_color(FILE *file) {
    const char *no_color = getenv("NO_COLOR");

    return isatty(fileno(file)) && (no_color == NULL || no_color[0] == '\0');
}

static const char *bold(bool color) {
    return color ? "\033[1m" : "";
}

static const char *plain(bool color) {
    return color ? "\033[0m" : "";
}

/* Writes words up to the line's width; `column` is where the text stands. Returns where it ends. */
static int write_wrapped(FILE *file, const char *text, int column) {
    while (*text != '\0') {
        int size = (int)strcspn(text, " ");

        if (column + 1 + size > LINE_WIDTH) {
            fprintf(file, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", size, text);
        column += size;
        text += size;
        text += *text == ' ';
    }
    return column;
}

/* "  --memory SIZE           help, and behind it the default". */
static void write_row(FILE *file, const char *dashes, const char *name, const char *argument, const char *help,
                      const char *fallback, bool color) {
    int width = fprintf(file, "  %s%s%s%s%s%s", bold(color), dashes, name, plain(color), argument[0] != '\0' ? " " : "",
                        argument);
    char text[400];

    width -= (int)(strlen(bold(color)) + strlen(plain(color)));
    if (width + 2 > HELP_INDENT) {
        fputc('\n', file);
        width = 0;
    }
    fprintf(file, "%*s", HELP_INDENT - width, "");
    write_wrapped(file, help, HELP_INDENT);
    if (fallback[0] != '\0') {
        snprintf(text, sizeof(text), "Default: %s", fallback);
        fprintf(file, "\n%*s", HELP_INDENT, "");
        write_wrapped(file, text, HELP_INDENT);
    }
    fputc('\n', file);
}

static void write_options(FILE *file, bool color) {
    const char *section = "";

    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const struct option_info *info = &option_infos[i];

        if (strcmp(section, info->section) != 0) {
            section = info->section;
            fprintf(file, "\n%s%s%s\n", bold(color), section, plain(color));
        }
        write_row(file, "--", info->name, info->argument, info->help, info->fallback, color);
    }
}

static void write_group_options(FILE *file, bool color) {
    fprintf(file,
            "\n%sGroups%s (only in the file, in a section [group \"name\"])\n"
            "  The keys \"name/...\" belong to the group; all others to the group \"default\". SIGHUP reads groups\n"
            "  anew; everything else needs a restart, also which store groups there are and their prefixes.\n",
            bold(color), plain(color));
    for (unsigned i = 0; i < GROUP_OPTION_COUNT; i++) {
        const struct group_option_info *info = &group_option_infos[i];

        write_row(file, "", info->name, info->argument, info->help, info->fallback, color);
    }
}

void option_text_help(FILE *file, bool color) {
    fprintf(file,
            "larderd, a cache: memcached's protocol and HTTP on every port.\n"
            "\n"
            "%sUsage%s\n"
            "  larderd [flags]\n"
            "\n"
            "%sExamples%s\n"
            "  larderd                                            listen on loopback with 256 MiB\n"
            "  larderd --memory 4g --threads 4 --listen 0.0.0.0:11211\n"
            "  larderd --config /etc/larder/larderd.conf --check-config\n"
            "  LARDER_MEMORY=1g LARDER_LOG_FORMAT=json larderd\n"
            "\n"
            "Every option can be a flag (--memory 1g), a variable of the environment (LARDER_MEMORY=1g) or a line\n"
            "in the section [node] of the file (memory = 1g). Flags win over the environment, the environment\n"
            "over the file. Sizes: 512k, 256m, 4g (powers of 1024). Times: 500ms, 30s, 5m, 1h.\n",
            bold(color), plain(color), bold(color), plain(color));
    write_options(file, color);
    write_group_options(file, color);
}

void option_text_version(FILE *file) {
    fprintf(file, "larderd %s\n", LARDER_VERSION);
}
