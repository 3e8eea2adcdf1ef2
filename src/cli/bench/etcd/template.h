/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_TEMPLATE_H
#define LARDER_CLI_BENCH_ETCD_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/bench/etcd/config.h"

/* A request that is packed once, and then sent over and over with other keys in the same places: all keys of a load have
 * one size. */
struct template {
    char *bytes; /* owned; NULL: out of memory */
    size_t size;
    size_t keys;     /* how many are to be written; 0: the request stands as it is */
    size_t key_at;   /* where the digits of the first begin */
    size_t stride;   /* from one to the next */
    size_t value_at; /* of a put */
};

/* Packs the request of that kind; for ETCD_WATCH that is a put to a watched key. False: out of memory. */
bool template_make(const struct etcd_config *config, enum etcd_kind kind, struct template *ret_template);

/* The request that makes a watcher of one key. False: out of memory. */
bool template_make_watcher(const struct etcd_config *config, struct template *ret_template);

void template_free(struct template *template);

#endif
