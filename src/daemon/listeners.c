/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/node.h"

static void on_accept(void *ctx, int fd) {
    struct node *node = ctx;

    node->listeners.exhausted = false;
    node_deal(node, fd);
}

static void on_exhausted(void *ctx) {
    struct node *node = ctx;

    telemetry_count(node_telemetry(node), COUNTER_REJECTED_DESCRIPTORS, 1);
    if (!node->listeners.exhausted) {
        node->listeners.exhausted = true;
        log_warn("no descriptor left for a new connection; clients wait until one is free");
    }
}

static const struct listener_ops ops = {.on_accept = on_accept, .on_exhausted = on_exhausted};

static const char *reason_of(enum larder_error error) {
    return error == LARDER_ERROR_IO || error == LARDER_ERROR_LIMIT ? strerror(errno) : larder_error_text(error);
}

/* Whether the node can go on without this address. */
static bool open_one(struct listeners *l, struct node *node, const struct address *address, bool is_default) {
    char text[ADDRESS_TEXT_MAX];
    enum larder_error error = listener_open(node->loop, address, &ops, node, &l->items[l->count]);

    if (error == LARDER_OK) {
        const struct address *bound = listener_address(l->items[l->count++]);

        log_info("listening", log_string("address", address_format(bound, text)));
        if (node->shared.tcp_port == 0) {
            node->shared.tcp_port = bound->port;
        }
        return true;
    }
    address_format(address, text);
    if (error == LARDER_ERROR_IN_USE && is_default) {
        log_warn("a default address is in use and left out", log_string("address", text));
        return true;
    }
    log_error("cannot listen; name another address with --listen ADDR:PORT", log_string("address", text),
              log_string("reason", reason_of(error)));
    return false;
}

static bool is_loopback(const struct address *address) {
    return address->kind == ADDRESS_UNIX || strncmp(address->host, "127.", 4) == 0 ||
           strcmp(address->host, "::1") == 0 || strcmp(address->host, "localhost") == 0;
}

static void warn_if_open(const struct listeners *l) {
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < l->count; i++) {
        const struct address *address = listener_address(l->items[i]);

        if (!is_loopback(address)) {
            log_warn("this address is open to the network and asks nobody who they are",
                     log_string("address", address_format(address, text)));
        }
    }
}

static bool write_port_file(struct listeners *l, const char *path) {
    char temporary[4096];
    char text[ADDRESS_TEXT_MAX];
    FILE *file;
    bool good;

    if (snprintf(temporary, sizeof(temporary), "%s.tmp.%ld", path, (long)getpid()) >= (int)sizeof(temporary) ||
        (file = fopen(temporary, "we")) == NULL) {
        return false;
    }
    for (size_t i = 0; i < l->count; i++) {
        fprintf(file, "%s\n", address_format(listener_address(l->items[i]), text));
    }
    good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    /* Renamed when complete, so that whoever waits for the file never reads half of it. */
    if (!good || rename(temporary, path) != 0) {
        unlink(temporary);
        return false;
    }
    l->port_file = path;
    return true;
}

bool listeners_open(struct listeners *l, struct node *node) {
    const struct options *o = node->options;
    bool is_default = o->sources[OPTION_LISTEN] == OPTION_SOURCE_DEFAULT;

    for (size_t i = 0; i < o->listens.count; i++) {
        if (!open_one(l, node, &o->listens.items[i], is_default)) {
            listeners_close(l);
            return false;
        }
    }
    if (l->count == 0) {
        log_error("every default address is in use; name another with --listen ADDR:PORT");
        return false;
    }
    warn_if_open(l);
    if (o->port_file != NULL && !write_port_file(l, o->port_file)) {
        log_error("cannot write the port file", log_string("path", o->port_file),
                  log_string("reason", strerror(errno)));
        listeners_close(l);
        return false;
    }
    return true;
}

void listeners_close(struct listeners *l) {
    for (size_t i = 0; i < l->count; i++) {
        listener_close(l->items[i]);
    }
    l->count = 0;
    if (l->port_file != NULL) {
        unlink(l->port_file);
        l->port_file = NULL;
    }
}
