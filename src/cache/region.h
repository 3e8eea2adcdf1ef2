/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_REGION_H
#define LARDER_CACHE_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A reserved stretch of address space, dealt out in runs of equal slots. Reserving costs no memory: a page becomes
 * resident when it is first written, and region_free gives it back to the system. Everything a shard holds lies in its
 * region, so that what is counted is what is resident. Huge pages are declined for the same reason.
 *
 * Invariant: a slot's address is a multiple of slot_size, which is a power of two, and pages of a free slot are not
 * resident and read as zero. */
struct region {
    char *base;
    size_t slot_size;
    size_t slots;
    size_t hint; /* no free slot lies below it */
    uint64_t *taken;
};

/* Reserves `slots` slots. Errors: NO_MEMORY when the system refuses the address space. */
enum larder_error region_init(struct region *r, size_t slot_size, size_t slots);

/* Gives everything back. */
void region_fini(struct region *r);

/* A run of `count` adjacent slots, zeroed; NULL when there is none. */
void *region_alloc(struct region *r, size_t count);

/* Gives the pages from `kept` to `touched` bytes of a run back; both are multiples of a page. */
void region_trim(void *run, size_t kept, size_t touched);

/* Returns a run whose first `touched` bytes may be resident. */
void region_free(struct region *r, void *run, size_t count, size_t touched);

#endif
