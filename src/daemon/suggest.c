/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/suggest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 32 /* longer words are no typos of ours */ };

static bool same_letter(char a, char b) {
    char lower_a = a >= 'A' && a <= 'Z' ? (char)(a + ('a' - 'A')) : a;
    char lower_b = b >= 'A' && b <= 'Z' ? (char)(b + ('a' - 'A')) : b;

    return lower_a == lower_b;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The optimal string alignment distance (Damerau 1964). Both words have at most WORD_MAX letters. */
static size_t distance(struct slice a, struct slice b) {
    size_t d[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a.size; i++) {
        for (size_t j = 0; j <= b.size; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = d[i - 1][j - 1] + (same_letter(a.data[i - 1], b.data[j - 1]) ? 0 : 1);
            d[i][j] = least(d[i][j], least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a.data[i - 1], b.data[j - 2]) &&
                same_letter(a.data[i - 2], b.data[j - 1])) {
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.size][b.size];
}

const char *suggest(struct slice word, const char *const *names, size_t count) {
    /* A third of the letters may be wrong, and one always. */
    size_t best = word.size / 3 > 1 ? word.size / 3 : 1;
    const char *found = NULL;

    if (word.size == 0 || word.size > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_from_string(names[i]);
        size_t d = name.size > WORD_MAX ? best + 1 : distance(word, name);

        if (d < best || (d == best && found == NULL)) {
            best = d;
            found = names[i];
        }
    }
    return found;
}
