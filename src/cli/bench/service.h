/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SERVICE_H
#define LARDER_CLI_BENCH_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "cli/bench/ledger.h"
#include "cli/bench/service_config.h"
#include "cli/bench/service_stats.h"

/* The load of `larder bench config`: four routes of a near-cache service over HTTP in fixed shares, with every read
 * judged by a ledger. */
enum { SERVICE_KEY_SIZE = 64, SERVICE_RECENT = 64 };

/* One request of this load. */
struct service_work {
    enum route route;
    uint64_t key;
    uint64_t number; /* a write: its number in the ledger */
    uint64_t floor;  /* what a read has to show at least */
};

/* One worker's share: it alone writes the keys whose number divided by the workers leaves its own. */
struct service_worker {
    uint64_t index;
    struct random random;
    uint64_t next_fill;       /* of the prefill */
    uint64_t *absent;         /* a ring of own keys that were deleted, oldest first; some were put since */
    uint64_t absent_capacity; /* as many as there are own keys */
    uint64_t absent_first;
    uint64_t absent_count;
    uint64_t recent[SERVICE_RECENT]; /* own keys that were written last */
    uint64_t recent_count;           /* ever */
    struct service_stats stats;
};

struct service {
    const struct service_config *config;
    struct ledger ledger;
    struct service_worker *workers;
};

/* Errors: NO_MEMORY. */
enum larder_error service_init(struct service *service, const struct service_config *config, uint64_t run);
void service_fini(struct service *service);

/* The next key of the prefill. False: there is none left. */
bool service_next_fill(struct service *service, struct service_worker *worker, struct service_work *ret_work);

/* The next request, on a connection to `node`. It is noted in the ledger, so it has to be sent. */
void service_next(struct service *service, struct service_worker *worker, size_t node, struct service_work *ret_work);

/* The worker has deleted the key: one of the next puts brings it back. */
void service_note_absent(struct service_worker *worker, uint64_t key);

/* The text of a key, SERVICE_KEY_SIZE bytes. */
void service_key_text(uint64_t key, char *ret_text);

#endif
