/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/get.h"
#include "cli/human.h"
#include "cli/json_out.h"

static void write_file(struct get *get, struct slice value) {
    FILE *file = fopen(get->output, "wb");
    bool written = file != NULL && fwrite(value.data, 1, value.size, file) == value.size;
    int number = errno;

    if (file != NULL && fclose(file) != 0 && written) {
        written = false;
        number = errno;
    }
    if (!written) {
        fprintf(stderr, "%s: cannot write %s: %s\n", get->node.ask.program, get->output, strerror(number));
        get->code = ask_worse(get->code, EXIT_CODE_USAGE);
    }
}

static void describe(json_t *object, const struct got *got) {
    json_set_bytes(object, "value", got->value);
    if (!got->over_http) {
        json_set(object, "flags", json_integer(got->flags));
        json_set(object, "cas", json_integer((json_int_t)got->cas));
        json_set(object, "ttl", got->ttl == REQUEST_TTL_FOREVER ? json_null() : json_integer(got->ttl));
    } else if (got->has_revision) {
        json_set(object, "revision", json_integer((json_int_t)got->revision));
    }
}

static void print_json(struct slice key, const struct got *got, bool stale) {
    json_t *object = json_object();

    json_set_bytes(object, "key", key);
    json_set(object, "found", json_boolean(got != NULL));
    if (got != NULL) {
        describe(object, got);
    }
    if (stale) {
        json_set(object, "stale", json_true());
    }
    json_print_line(object);
}

/* For a reader, on a line of its own. */
static void print_readable(const struct get *get, struct slice key_bytes, struct slice value) {
    char key[SLICE_ESCAPED_MAX];
    char size[HUMAN_TEXT_MAX];

    if (!get->alone) {
        printf("%s%s:%s ", get->terminal.bold, slice_escape(key_bytes, key), get->terminal.plain);
    }
    if (!human_readable(value)) {
        printf("%s(%s that are not text; to see them: larder get %s -o FILE)%s\n", get->terminal.dim,
               human_bytes(value.size, size), slice_escape(key_bytes, key), get->terminal.plain);
        return;
    }
    fwrite(value.data, 1, value.size, stdout);
    if (value.size == 0 || value.data[value.size - 1] != '\n') {
        putchar('\n');
    }
}

static void print_hit(struct get *get, struct slice key, struct slice value) {
    if (get->output != NULL) {
        write_file(get, value);
    } else if (get->alone && !get->terminal.is_terminal) {
        fwrite(value.data, 1, value.size, stdout);
    } else {
        print_readable(get, key, value);
    }
}

void get_print(struct get *get, struct slice key, const struct got *got, bool stale) {
    char text[SLICE_ESCAPED_MAX];

    if (got == NULL) {
        get->code = ask_worse(get->code, EXIT_CODE_FAILURE);
    }
    if (get->node.ask.json) {
        print_json(key, got, stale);
    } else if (got != NULL) {
        print_hit(get, key, got->value);
    } else {
        fprintf(stderr, "not found: %s\n", slice_escape(key, text));
    }
}
