/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>

void diagnostics_init(struct diagnostics *d) {
    *d = (struct diagnostics){.count = 0};
}

void diagnostics_fini(struct diagnostics *d) {
    for (size_t i = 0; i < d->count; i++) {
        free(d->items[i].text);
    }
    diagnostics_init(d);
}

/* "place: message", owned by the caller; NULL without memory. */
__attribute__((format(printf, 2, 0))) static char *compose(struct place place, const char *format, va_list arguments) {
    char *message = NULL;
    char *text = NULL;
    int size;

    if (vasprintf(&message, format, arguments) < 0) {
        return NULL;
    }
    if (place.line > 0) {
        size = asprintf(&text, "%s:%u: %s", place.name, place.line, message);
    } else {
        size = asprintf(&text, "%s: %s", place.name, message);
    }
    free(message);
    return size < 0 ? NULL : text;
}

__attribute__((format(printf, 4, 0))) static void add(struct diagnostics *d, bool warning, struct place place,
                                                      const char *format, va_list arguments) {
    d->mistakes += warning ? 0 : 1;
    if (d->count == DIAGNOSTICS_MAX) {
        d->lost++;
        return;
    }
    d->items[d->count++] = (struct diagnostic){.text = compose(place, format, arguments), .warning = warning};
}

void diagnostics_mistake(struct diagnostics *d, struct place place, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    add(d, false, place, format, arguments);
    va_end(arguments);
}

void diagnostics_warning(struct diagnostics *d, struct place place, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    add(d, true, place, format, arguments);
    va_end(arguments);
}

void diagnostics_print(const struct diagnostics *d, FILE *file, bool color) {
    for (size_t i = 0; i < d->count; i++) {
        const struct diagnostic *item = &d->items[i];
        const char *kind = item->warning ? "warning" : "error";
        const char *paint = !color ? "" : item->warning ? "\033[33m" : "\033[31m";

        fprintf(file, "%s%s:%s %s\n", paint, kind, color ? "\033[0m" : "",
                item->text != NULL ? item->text : "(no memory left to say what)");
    }
    if (d->lost > 0) {
        fprintf(file, "... and %zu more\n", d->lost);
    }
}
