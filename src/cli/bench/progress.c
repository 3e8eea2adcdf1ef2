/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, TEXT_MAX = 48 };

void progress_init(struct progress *p, bool quiet) {
    p->prefix = NULL;
    p->enabled = !quiet && isatty(STDERR_FILENO) == 1;
}

void progress_show_text(const struct progress *p, const char *label, double fraction, const char *text) {
    char bar[BAR_WIDTH + 1];

    if (!p->enabled) {
        return;
    }
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = (double)i < fraction * BAR_WIDTH ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s%-10s [%s] %3.0f%%  %s", p->prefix == NULL ? "" : p->prefix, label, bar,
            fraction * 100.0, text);
    fflush(stderr);
}

void progress_show(const struct progress *p, const char *label, double fraction, double rate) {
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "%.0f/s", rate);
    progress_show_text(p, label, fraction, text);
}

void progress_clear(const struct progress *p) {
    if (p->enabled) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
