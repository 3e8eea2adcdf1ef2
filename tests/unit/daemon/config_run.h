/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_CONFIG_RUN_H
#define LARDER_TESTS_CONFIG_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_file.h"

/* A configuration read from a text, for tests; included after cmocka.h. */
struct run {
    struct options options;
    struct diagnostics diagnostics;
};

static inline void parse_bytes(struct run *run, const char *text, size_t size) {
    options_init(&run->options);
    diagnostics_init(&run->diagnostics);
    config_parse(text, size, "c.conf", &run->options, &run->diagnostics);
    options_settle(&run->options, &run->diagnostics);
}

static inline void parse(struct run *run, const char *text) {
    parse_bytes(run, text, strlen(text));
}

static inline void unload(struct run *run) {
    options_fini(&run->options);
    diagnostics_fini(&run->diagnostics);
}

static inline void assert_good(const struct run *run) {
    if (run->diagnostics.count > 0) {
        fail_msg("%s", run->diagnostics.items[0].text);
    }
}

/* The mistakes of `text` are exactly these lines. */
static inline void assert_mistakes(const char *text, const char *expected) {
    struct run run;
    char *said;
    size_t size;
    FILE *stream = open_memstream(&said, &size);

    parse(&run, text);
    for (size_t i = 0; i < run.diagnostics.count; i++) {
        fprintf(stream, "%s\n", run.diagnostics.items[i].text);
    }
    fclose(stream);
    assert_string_equal(said, expected);
    free(said);
    unload(&run);
}

#endif
