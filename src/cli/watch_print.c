/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/durable.h"
#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/watch.h"

static void print_json(struct slice name, uint64_t revision, json_t *data) {
    json_t *object = json_object();

    json_set(object, "revision", json_integer((json_int_t)revision));
    json_set_bytes(object, "event", name);
    json_object_update_missing(object, data);
    json_print_line(object);
}

static void print_row(struct watch *w, struct slice name, uint64_t revision, const json_t *data, struct slice key) {
    bool is_delete = slice_equal(name, SLICE("delete"));
    char text[SLICE_ESCAPED_MAX];
    struct slice value;

    printf("%10" PRIu64 "  %s%-6.*s%s  %s", revision, is_delete ? w->terminal.red : w->terminal.green, (int)name.size,
           name.data, w->terminal.plain, slice_escape(key, text));
    if (json_get_bytes(data, "value", &w->value, &value)) {
        printf("  ");
        durable_print_value(&w->terminal, value);
    }
    putchar('\n');
}

bool watch_print(struct watch *w, struct slice name, uint64_t revision, struct slice data) {
    json_t *json = json_loadb(data.size == 0 ? "" : data.data, data.size, 0, NULL);
    struct slice key;

    if (!json_get_bytes(json, "key", &w->key, &key)) {
        fprintf(stderr, "%s: %s sent an event of another form; is it an older or a newer larderd?\n",
                w->node.ask.program, w->node.ask.server);
        json_decref(json);
        return false;
    }
    if (w->node.ask.json) {
        print_json(name, revision, json);
    } else {
        print_row(w, name, revision, json, key);
    }
    json_decref(json);
    return true;
}
