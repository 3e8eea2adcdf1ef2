/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "daemon/config_file.h"
#include "daemon/option_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are read as a configuration; one without a mistake can be built into groups. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct options o;
    struct diagnostics d;
    struct group_set *set;

    options_init(&o);
    diagnostics_init(&d);
    config_parse((const char *)data, size, "fuzz.conf", &o, &d);
    group_options_settle(&o, &d);
    if (d.mistakes == 0) {
        enum larder_error error = group_set_build(o.groups, o.group_count, o.max_item, NULL, &set);

        assert(error == LARDER_OK);
        (void)error;
        group_set_free(set);
    }
    diagnostics_fini(&d);
    options_fini(&o);
    return 0;
}
