/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_SETUP_H
#define LARDER_LIBRARY_SETUP_H

#include <larder/larder.h>
#include <stdbool.h>

#include "base/process_mark.h"
#include "base/slice.h"
#include "library/health.h"
#include "net/address.h"

/* What a cache and its channels share: the servers and what is known of them, the options. All but the health of servers
 * stays as it was made. */

enum { SERVER_ENDPOINTS_MAX = 4 };

struct server {
    char name[ADDRESS_TEXT_MAX]; /* as it was given: what the ring knows */
    uint64_t seed;               /* on the ring: the hash of the name */
    bool is_unix;
    size_t endpoint_count;
    struct endpoint endpoints[SERVER_ENDPOINTS_MAX]; /* in the order in which they are tried */
    struct health health;
};

struct setup {
    struct larder_allocator allocator;
    struct larder_tracer *tracer; /* NULL: nobody watches */
    larder_log_fn *log;
    void *log_ctx;
    int64_t connect_timeout_ns;
    int64_t send_timeout_ns;
    int64_t receive_timeout_ns;
    int64_t wait_timeout_ns;
    size_t pool_max;
    size_t value_max;
    bool fail_when_dead;
    struct health_options health;
    size_t count;
    struct server *servers; /* in the order in which they were given */
    uint16_t *order;        /* their places in the order of their names */
    uint64_t *seeds;        /* in that order */
    uint16_t *owners; /* of slots, places in that order; NULL where there are so few that asking each is quicker */
    struct process_mark mark;
};

/* As larder_cache_new; the setup is filled in or holds nothing. */
enum larder_status setup_init(struct setup *s, const char *servers, const struct larder_cache_options *options,
                              char ret_message[LARDER_MESSAGE_MAX]);

void setup_fini(struct setup *s);

/* The place of the server whose the key is by the ring, among those that are alive. DEAD and ALL_DEAD as larder.h says. */
enum larder_status setup_route(struct setup *s, struct slice key, int64_t now_ns, size_t *ret_server);

/* The same as if all were alive. */
size_t setup_owner(const struct setup *s, struct slice key);

void setup_log(const struct setup *s, enum larder_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
