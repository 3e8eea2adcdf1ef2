/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_DRIVER_WATCH_H
#define LARDER_TESTS_STORE_DRIVER_WATCH_H

#include <jansson.h>

#include "store/store.h"

/* The watchers of the driver, known by a small number `watch` that the request chooses. Each function answers one
 * request with a new object. */
enum { WATCHES_MAX = 256 };

/* key, range_end, start_revision, prev_kv, no_put, no_delete -> status, revision. */
json_t *watch_open(struct store *store, const json_t *request);

/* Waits until the watcher was woken since the last watch_next began, at most `wait_ms` (10 s) -> woken. */
json_t *watch_wait(const json_t *request);

/* Reads on, `max_bytes` (1 MiB) at a time, until everything up to the revision `until` was handed out; waits to be woken
 * where there is nothing yet, at most `wait_ms` (10 s) -> status (TIMEOUT if that was too short), revision,
 * compact_revision, events, reads (calls it took). */
json_t *watch_next(const json_t *request);

json_t *watch_close(const json_t *request);

void watch_close_all(void);

/* --- what the store tells its observer --- */

void watch_observe(struct store *store);

/* The events since the last request -> events, revision (the store's). */
json_t *watch_observed(struct store *store);

#endif
