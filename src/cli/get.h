/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_GET_H
#define LARDER_CLI_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/node.h"
#include "cli/terminal.h"

/* `larder get` while it runs. */
struct get {
    struct node node; /* first: ASK_ROWS */
    const char *output;
    uint64_t revision; /* --rev; 0: the newest */
    bool linearizable;
    struct terminal terminal;
    bool alone; /* one key */
    int code;
};

/* A value that was found. Without `over_http` it has flags, cas and ttl, with it revisions. */
struct got {
    struct slice value;
    bool over_http;
    uint32_t flags;
    uint64_t cas;
    int64_t ttl; /* seconds; REQUEST_TTL_FOREVER */
    bool has_revision;
    uint64_t revision; /* at which it was last changed */
};

/* Prints the value of a key, or that there is none (`got` is NULL), in the form that was asked for, and keeps the worst
 * exit code. `stale`: the server says that it is being renewed. */
void get_print(struct get *get, struct slice key, const struct got *got, bool stale);

/* Asks for the keys over HTTP, one after the other, and prints them. */
void get_over_http(struct get *get, char **words, size_t count);

#endif
