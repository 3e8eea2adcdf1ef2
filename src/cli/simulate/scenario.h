/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_SCENARIO_H
#define LARDER_CLI_SIMULATE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* What the experiment does, one operation after the other, and what must come of it: a registry of devices and the addresses
 * they were given. The same seed makes the same operations on every machine. It knows of nobody who does them. */

enum simulate_kind { SIMULATE_CREATE, SIMULATE_RETRIEVE, SIMULATE_DELETE, SIMULATE_KINDS };

/* "CREATE", ... */
const char *simulate_kind_name(enum simulate_kind kind);

/* How often each comes, in percent; the rest are DELETE. */
enum { SIMULATE_CREATE_PERCENT = 40, SIMULATE_RETRIEVE_PERCENT = 42 };

enum {
    SIMULATE_ITERATIONS_MAX = 100000000,
    SIMULATE_DEVICE_MAX = 16, /* the longest name of a device with its NUL */
    SIMULATE_IP_MAX = 16,     /* the longest address, likewise */
};

/* A device there is, and its address. */
struct simulate_device {
    uint32_t number;
    uint32_t ip;
};

/* One operation. CREATE: there was no such device, and this is its address. RETRIEVE: this is what must be found. DELETE: this
 * is what goes. */
struct simulate_operation {
    enum simulate_kind kind;
    struct simulate_device device;
};

struct scenario {
    struct random random;
    struct simulate_device *live; /* in no order */
    size_t live_count;
    size_t capacity;
    uint32_t created; /* devices so far: the next one's number */
};

/* False: out of memory. `iterations` is how many operations will be asked for at most. */
bool scenario_init(struct scenario *s, uint64_t seed, uint64_t iterations);
void scenario_fini(struct scenario *s);

/* The next operation. A device to retrieve or to delete is any of the live ones, each as likely; where there is none, the
 * operation is a CREATE. */
struct simulate_operation scenario_next(struct scenario *s);

/* How many there will be. */
struct simulate_plan {
    uint64_t counts[SIMULATE_KINDS];
    uint64_t live; /* devices at the end */
};

/* Runs through the whole scenario. False: out of memory. */
bool scenario_plan(uint64_t seed, uint64_t iterations, struct simulate_plan *ret_plan);

/* "d000000042". Returns ret_text. */
const char *simulate_device_text(uint32_t number, char ret_text[SIMULATE_DEVICE_MAX]);

/* "10.1.2.3". Returns ret_text. */
const char *simulate_ip_text(uint32_t ip, char ret_text[SIMULATE_IP_MAX]);

#endif
