/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/scale.h"

#include <math.h>
#include <stdio.h>

void scale_init(struct scale *s) {
    *s = (struct scale){.empty = true};
}

void scale_include(struct scale *s, double number) {
    if (!(number > 0.0)) {
        return;
    }
    s->least = s->empty || number < s->least ? number : s->least;
    s->most = s->empty || number > s->most ? number : s->most;
    s->empty = false;
}

void scale_finish(struct scale *s) {
    s->first = s->empty ? 0 : (int)floor(log10(s->least));
    s->last = s->empty ? 1 : (int)ceil(log10(s->most));
    if (s->last <= s->first) {
        s->last = s->first + 1;
    }
}

double scale_place(const struct scale *s, double number) {
    return (log10(number) - s->first) / (s->last - s->first);
}

const char *scale_tick(int power, char ret_text[SCALE_TEXT_MAX]) {
    double number = pow(10.0, power);

    if (power >= 6) {
        snprintf(ret_text, SCALE_TEXT_MAX, "%.0fM", number / 1e6);
    } else if (power >= 3) {
        snprintf(ret_text, SCALE_TEXT_MAX, "%.0fk", number / 1e3);
    } else {
        snprintf(ret_text, SCALE_TEXT_MAX, "%.*f", power < 0 ? -power : 0, number);
    }
    return ret_text;
}
