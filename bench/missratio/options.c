/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option *find(const char *name, size_t length, const struct option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == length && !memcmp(options[i].name, name, length)) {
            return &options[i];
        }
    }
    return NULL;
}

bool options_read(const char *text, const struct option *options, size_t count) {
    while (text && *text) {
        size_t length = strcspn(text, "=,");
        const struct option *option = find(text, length, options, count);
        if (!option || text[length] != '=') {
            fprintf(stderr, "unknown option: %s\n", text);
            return false;
        }
        char *end;
        double value = strtod(text + length + 1, &end);
        if (end == text + length + 1 || (*end && *end != ',') || !(value >= option->least && value <= option->most)) {
            fprintf(stderr, "%s takes a number from %g to %g: %s\n", option->name, option->least, option->most, text);
            return false;
        }
        *option->value = value;
        text = *end ? end + 1 : end;
    }
    return true;
}
