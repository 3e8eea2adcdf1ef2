/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_colour(void) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (no_color == NULL || *no_color == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

struct terminal terminal_detect(void) {
    struct terminal t = {.is_terminal = isatty(STDOUT_FILENO) != 0,
                         .bold = "",
                         .dim = "",
                         .red = "",
                         .yellow = "",
                         .green = "",
                         .plain = ""};

    setlocale(LC_CTYPE, "");
    t.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (t.is_terminal && wants_colour()) {
        t.bold = "\033[1m";
        t.dim = "\033[2m";
        t.red = "\033[31m";
        t.yellow = "\033[33m";
        t.green = "\033[32m";
        t.plain = "\033[0m";
    }
    return t;
}

const char *terminal_load_colour(const struct terminal *terminal, double share) {
    return share < 0.75 ? terminal->green : share < 0.95 ? terminal->yellow : terminal->red;
}
