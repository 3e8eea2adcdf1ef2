/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/durable.h"
#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/watch.h"

static void print_json(struct slice name, json_t *data) {
    json_t *object = json_object();

    json_set(object, "revision", json_incref(json_object_get(data, "mod_revision")));
    json_set_bytes(object, "event", name);
    json_object_update_missing(object, data);
    json_print_line(object);
}

static void print_row(struct watch *w, struct slice name, const json_t *data) {
    bool is_delete = slice_equal(name, SLICE("delete"));
    char text[SLICE_ESCAPED_MAX];
    struct slice key = slice_make("", 0);
    struct slice value;

    json_get_bytes(data, "key", &w->key, &key);
    printf("%10" PRIu64 "  %s%-6.*s%s  %s", json_get_number(data, "mod_revision"),
           is_delete ? w->terminal.red : w->terminal.green, (int)name.size, name.data, w->terminal.plain,
           slice_escape(key, text));
    if (json_get_bytes(data, "value", &w->value, &value)) {
        printf("  ");
        durable_print_value(&w->terminal, value);
    }
    putchar('\n');
}

void watch_print(struct watch *w, struct slice name, json_t *data) {
    if (w->node.ask.json) {
        print_json(name, data);
    } else {
        print_row(w, name, data);
    }
}
