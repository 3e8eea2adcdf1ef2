/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/command_line.h"
#include "daemon/node.h"

int main(int argc, char **argv) {
    struct options *options = malloc(sizeof(*options));
    int status = EXIT_FAILURE;

    if (options == NULL) {
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow any more is a full disk */
    if (command_line_read(argc, argv, environ, stdout, stderr, options, &status)) {
        log_configure(options->log_level, options->log_format);
        status = node_run(options, argc, argv, environ);
    }
    options_fini(options);
    free(options);
    return status;
}
