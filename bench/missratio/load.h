/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_LOAD_H
#define LARDER_BENCH_MISSRATIO_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* `next` of a request whose object is never asked for again. Larger than any real index. */
#define LOAD_NEVER UINT32_MAX

/*
 * One request: a read that fills the cache when it misses, or a write. Ids are dense (0 .. objects-1), so that a policy
 * can keep its state in arrays. `next` is the index of the next request for the same object.
 */
struct request {
    uint32_t id;
    uint32_t size;
    uint32_t next;
    bool write;
};

/* A sequence of requests. Fill it with load_add, close it with load_finish, then only read it. */
struct load {
    char *name;
    struct request *requests;
    uint32_t count;
    uint32_t objects;
    uint64_t footprint;       /* bytes of all objects, each at the largest size that it ever has */
    uint64_t requested_bytes; /* sum of the sizes of all requests */
    bool unit_sizes;          /* every size is 1: capacities are objects */

    uint32_t room;
    uint32_t *slots; /* open addressing: object number + 1, or 0 */
    uint64_t *keys;  /* object number -> key of the source */
    uint32_t slot_count;
    uint32_t keys_room;
};

/* Makes an empty load. `name` is copied. With `unit_sizes` the sizes given to load_add are ignored. */
void load_init(struct load *load, const char *name, bool unit_sizes);

/* Appends a request for the object that the source calls `key`. `size` is in bytes, 0 counts as 1. */
void load_add(struct load *load, uint64_t key, uint32_t size, bool write);

/* Works out `next`, `footprint` and `requested_bytes`. */
void load_finish(struct load *load);

/* Frees what the load owns. */
void load_fini(struct load *load);

#endif
