/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command_line.h"

#include "daemon/option_text.h"

static void say_checked(const struct options *o, FILE *out) {
    size_t in_store = 0;

    for (size_t i = 0; i < o->group_count; i++) {
        in_store += group_policy_is_store(&o->groups[i]) ? 1 : 0;
    }
    fprintf(out, "OK: %s; %zu group%s", o->config != NULL ? o->config : "flags and environment (no file)",
            o->group_count, o->group_count == 1 ? "" : "s");
    if (in_store > 0) {
        fprintf(out, ", %zu of them in the store at %s", in_store, options_store_is_remote(o) ? o->store : o->data_dir);
    }
    fputc('\n', out);
}

static void say_what_to_do(const struct options *o, FILE *err) {
    if (!o->check_config) {
        fprintf(err, "larderd does not start like this; `larderd --help` lists what can be set.\n");
    }
}

bool command_line_read(int argc, char *const *argv, char *const *environment, FILE *out, FILE *err, struct options *o,
                       int *ret_status) {
    struct diagnostics d;
    bool good;

    options_init(o);
    diagnostics_init(&d);
    good = options_load(o, argc, argv, environment, &d);
    diagnostics_print(&d, err, option_text_color(err));
    diagnostics_fini(&d);
    *ret_status = good ? 0 : 1;
    if (!good) {
        say_what_to_do(o, err);
        return false;
    }
    if (o->help) {
        option_text_help(out, option_text_color(out));
        return false;
    }
    if (o->version) {
        option_text_version(out);
        return false;
    }
    if (o->check_config) {
        say_checked(o, out);
        return false;
    }
    return true;
}
